"""How blobs leave, measured: ours, aiohttp's FileResponse, sendfile in the loop, and nginx, in one run over loopback.

Usage: python benchmarks/leave.py [--mebibytes 256] [--rounds 5] [--clients 1,8] [--tls]. Prints GiB/s and the server's
CPU seconds per GiB, medians over interleaved rounds; its peak memory; and how long small requests beside the blobs took,
p99 in milliseconds. Compare columns, not absolutes: clients share the processors.
"""

import argparse
import asyncio
import datetime as dt
import ipaddress
import multiprocessing
import os
import pathlib
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

import uvloop
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from proxy.content.store import TAIL
from proxy.oci.digest import Digest
from proxy.web import outlet, streaming

TICK = os.sysconf("SC_CLK_TCK")


class FileBody:
    """A stored blob as the content store hands it out: all but the tail at once."""

    is_stored = True
    digest = Digest.of(b"")

    def __init__(self, path):
        self._fd = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._fd).st_size
        self.released = max(0, self.size - TAIL)

    def fileno(self):
        return self._fd

    async def more(self, _beyond):
        self.released = self.size
        return self.released

    def close(self):
        os.close(self._fd)


class _LoopWire(streaming.PlainWire):
    """The way not taken: non-blocking sendfile in the event loop, a socket buffer at a time."""

    async def carry(self, fileno, start, stop):
        self._require_open()
        stop = min(stop, start + streaming.SLICE)
        done = self._loop.create_future()
        sink, position = self._socket.fileno(), start

        def push():
            nonlocal position
            try:
                position += os.sendfile(sink, fileno, position, min(stop - position, 1 << 20))
            except BlockingIOError:
                return
            except OSError as error:
                if not done.done():
                    done.set_exception(error)
                return
            if position >= stop and not done.done():
                done.set_result(None)

        self._loop.add_writer(sink, push)
        try:
            await self._patiently(done)
        finally:
            self._loop.remove_writer(sink)
        return position


def ways(way):
    if way == "loop":
        outlet.PlainWire = _LoopWire
    if way == "hops":
        streaming.PATIENCE_MS = 0


async def serve(way, path, port, certificate):
    ways(way)
    way_out = outlet.Outlet(stall_seconds=60)

    async def handler(request):
        if request.path == "/small":
            return web.Response(body=b"x")
        if way == "FileResponse":
            return web.FileResponse(path)
        body = FileBody(path)
        response = web.StreamResponse(headers={"Content-Length": str(body.size)})
        await way_out.send(request, response, body, [outlet.Part(0, body.size)])
        return response

    tls = None
    if certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
    server = web.Server(handler, access_log=None)
    await asyncio.get_running_loop().create_server(server, "127.0.0.1", port, ssl=tls)
    await asyncio.Event().wait()


def serve_in_process(loop, way, path, port, certificate):
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        runner.run(serve(way, path, port, certificate))


def read_blob(port, sealed):
    plain = socket.create_connection(("127.0.0.1", port))
    if sealed:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = context.wrap_socket(plain)
    with plain as wire:
        wire.sendall(b"GET /blob HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        buffer, count = bytearray(1 << 20), 0
        while got := wire.recv_into(buffer):
            count += got
    return count


def ping(port, sealed, has_ended):
    """Ask for something small again and again while blobs leave; return each time in seconds."""
    if sealed:
        return []
    times = []
    with socket.create_connection(("127.0.0.1", port)) as wire:
        while not has_ended.is_set():
            began = time.perf_counter()
            wire.sendall(b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
            wire.recv(65536)
            times.append(time.perf_counter() - began)
            time.sleep(0.001)
    return times


def cpu(pids):
    return sum(sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().split()[13:15])) for pid in pids) / TICK


def peak_mebibytes(pids):
    """The most memory the server ever held, mapped files not counted apart: VmHWM of proc(5)."""
    lines = [line for pid in pids for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def p99(times):
    return sorted(times)[int(len(times) * 0.99)] * 1000 if times else float("nan")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


def make_certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    raw = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.public_bytes(serialization.Encoding.PEM)
    (folder / "pair.pem").write_bytes(raw)
    return folder / "pair.pem"


def start_nginx(folder, port, certificate):
    tls = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};" if certificate else ""
    (folder / "nginx.conf").write_text(
        f"worker_processes 1; pid {folder}/pid; error_log /dev/null; daemon off; user root;"
        "events {} http { sendfile on; tcp_nopush on; access_log off;"
        f"server {{ listen 127.0.0.1:{port}{' ssl' if certificate else ''}; root {folder}; {tls} }} }}"
    )
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")])
    wait_for(port)
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return process, [int(pid) for pid in children]


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--mebibytes", type=int, default=256)
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--clients", default="1,8")
    words.add_argument("--tls", action="store_true")
    options = words.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp())
    path = folder / "blob"
    path.write_bytes(os.urandom(1 << 20) * options.mebibytes)
    (folder / "small").write_bytes(b"x")
    certificate = make_certificate(folder) if options.tls else None
    kinds = [(loop, way) for loop in ("uvloop", "asyncio") for way in ("ours", "hops", "loop", "FileResponse")]
    if options.tls:
        kinds = [kind for kind in kinds if kind[1] in ("ours", "FileResponse")]
    servers, ended = {}, []
    for loop, way in kinds:
        port = free_port()
        process = multiprocessing.Process(
            target=serve_in_process, args=(loop, way, path, port, certificate), daemon=True
        )
        process.start()
        wait_for(port)
        servers[f"{loop} {way}"] = (port, [process.pid])
        ended.append(process)
    if shutil.which("nginx"):
        port = free_port()
        nginx, pids = start_nginx(folder, port, certificate)
        servers["nginx"] = (port, pids)
        ended.append(nginx)
    measured, waits = {}, {}
    has_ended = multiprocessing.Manager().Event()
    with multiprocessing.Pool(max(map(int, options.clients.split(","))) + 1) as pool:
        for _ in range(options.rounds):
            for clients in map(int, options.clients.split(",")):
                for name, (port, pids) in servers.items():
                    spent, began = cpu(pids), time.perf_counter()
                    has_ended.clear()
                    pinging = pool.apply_async(ping, (port, options.tls, has_ended))
                    counts = pool.starmap(read_blob, [(port, options.tls)] * clients)
                    seconds, spent = time.perf_counter() - began, cpu(pids) - spent
                    has_ended.set()
                    waits.setdefault((clients, name), []).extend(pinging.get())
                    gibibytes = sum(counts) / (1 << 30)
                    measured.setdefault((clients, name), []).append((gibibytes / seconds, spent / gibibytes))
    peaks = {name: peak_mebibytes(pids) for name, (_, pids) in servers.items()}
    for process in ended:
        process.terminate()
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{'clients':>7}  {'server':22} {'GiB/s':>6} {'CPU s/GiB':>10} {'peak MiB':>9} {'p99 ms':>7}")
    for (clients, name), figures in measured.items():
        speed, spent = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"{clients:7}  {name:22} {speed:6.2f} {spent:10.3f} {peaks[name]:9} {p99(waits[clients, name]):7.1f}")


if __name__ == "__main__":
    main()
