"""Runs a test on both event loops that the proxy knows."""

import asyncio
import functools
import inspect

import pytest
import uvloop

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def on_both_loops(test):
    """Their transports differ in all that matters here: descriptors, buffers, watchers."""

    @functools.wraps(test)
    def run(*args, loop_name, **fixtures):
        with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
            runner.run(test(*args, **fixtures))

    del run.__wrapped__
    asked = inspect.signature(test)
    added = inspect.Parameter("loop_name", inspect.Parameter.KEYWORD_ONLY)
    run.__signature__ = asked.replace(parameters=[*asked.parameters.values(), added])
    return pytest.mark.parametrize("loop_name", LOOPS)(run)
