# The proxy in a container. Nothing is built or fetched in the last stage; its root can be read-only.
#
#   docker build -t pratique .
#   docker run --read-only -v ./site:/etc/pratique:ro -v pratique:/var/lib/pratique -p 5000:5000 pratique
#
# In /etc/pratique/pratique.yaml write `data: /var/lib/pratique`, and an address that can be reached from outside.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src

# What the program needs, each file with its hash.
COPY requirements.txt ./
RUN python -m venv /opt/pratique \
 && /opt/pratique/bin/pip install --require-hashes -r requirements.txt

# What builds the wheel is pinned with the rest of the development tools, and stays in this stage.
COPY requirements-dev.txt ./
RUN python -m venv /opt/tools \
 && /opt/tools/bin/pip install --require-hashes -r requirements-dev.txt

COPY pyproject.toml README.md CHANGELOG.md ./
COPY proxy ./proxy
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
 && /opt/pratique/bin/pip install --no-deps --no-index /wheels/*.whl \
 && /opt/pratique/bin/python -m compileall -q /opt/pratique/lib \
 && /opt/pratique/bin/pip uninstall --yes pip

FROM python:3.11-slim
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PATH=/opt/pratique/bin:$PATH
RUN useradd --uid 65532 --user-group --no-create-home --shell /usr/sbin/nologin pratique \
 && install -d -o 65532 -g 65532 -m 0700 /var/lib/pratique \
 && install -d /etc/pratique
COPY --from=build /opt/pratique /opt/pratique
USER 65532:65532
VOLUME /var/lib/pratique
EXPOSE 5000
STOPSIGNAL SIGTERM
ENTRYPOINT ["pratique"]
CMD ["serve", "--log-format", "json"]
