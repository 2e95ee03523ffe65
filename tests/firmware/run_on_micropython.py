# Runs test modules without pytest: `micropython -X heapsize=200k run_on_micropython.py test_a ...`
# One JSON line for each test: {"test", "ok", "ms", "heap", "error"}; "heap": bytes in use after it,
# "error": its traceback if it failed. A module that cannot be imported is one failed line.
# The last line counts them.
import gc
import io
import json
import sys
import time

# pytest gives tests as many milliseconds as they like; here the clock is only for the report
ticks_ms = getattr(time, "ticks_ms", lambda: int(time.monotonic() * 1000))
heap_in_use = getattr(gc, "mem_alloc", int)


def explain(error):
    if not hasattr(sys, "print_exception"):
        return repr(error)
    text = io.StringIO()
    sys.print_exception(error, text)
    return text.getvalue()


def attempt(name, function, *arguments):
    # (line, what `function` returned)
    gc.collect()
    line = {"test": name, "ok": True}
    result = None
    began = ticks_ms()
    try:
        result = function(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever a test raises is its result
        line["ok"] = False
        line["error"] = explain(error)
    line["ms"] = ticks_ms() - began
    gc.collect()
    line["heap"] = heap_in_use()
    return line, result


def run_module(name):
    # Numbers of tests passed and failed.
    passed = failed = 0
    line, module = attempt("import " + name, __import__, name)
    if not line["ok"]:
        print(json.dumps(line))
        return 0, 1
    for attribute in sorted(dir(module)):
        if attribute.startswith("test_"):
            line, _ = attempt(attribute, getattr(module, attribute))
            print(json.dumps(line))
            passed += line["ok"]
            failed += not line["ok"]
    return passed, failed


def main(names):
    passed = failed = 0
    for name in names:
        more_passed, more_failed = run_module(name)
        passed += more_passed
        failed += more_failed
    print(json.dumps({"passed": passed, "failed": failed, "implementation": sys.implementation.name}))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
