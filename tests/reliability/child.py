"""Programs of the campaign's processes: a command of the package, killed or limited on request."""

#: Run once by the fork server, so that a trial does not wait for imports. Nothing of polars runs:
#: a fork must not inherit its threads.
PREAMBLE = """
import recbole_llm4msr.quick_start
from recbole_llm4msr.knowledge import prepare, workbench
from recbole_llm4msr.pipeline import experiment, report, trained_model
import recbole_llm4msr.cli.knowledge, dataset_converters.cli
import torch._dynamo, torch._inductor.config, sklearn.decomposition, sklearn.feature_extraction.text
import onnxscript, torch.onnx
"""

#: Its first argument is JSON: seconds until SIGKILL, largest file, environment, statements, whether
#: it runs without privileges.
PROGRAM = """
import json, os, resource, signal, sys, tempfile, time

options = json.loads(sys.argv.pop(1))
if options.get("kill_after") is not None:
    own = os.getpid()
    if os.fork() == 0:
        time.sleep(options["kill_after"])
        if os.getppid() == own:
            os.kill(own, signal.SIGKILL)
        os._exit(0)
if options.get("largest_file") is not None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (options["largest_file"],) * 2)
os.environ.update(options.get("environment", {}))
tempfile.tempdir = None
if options.get("without_privileges"):  # root without CAP_DAC_OVERRIDE obeys modes, as others do
    import ctypes
    ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
sys.argv[0] = "recbole-llm4msr"
if "statements" in options:
    exec(options["statements"])
else:
    from recbole_llm4msr.cli.main import main
    main(sys.argv[1:])
"""
