"""Files and folders that are written while a process is killed."""

import random
import subprocess
import sys
import time

from faults.cases import case
from recbole_iacn.system.atomic_writes import write_text

WRITER = """
import sys
from pathlib import Path
from recbole_iacn.system.atomic_writes import replacing
target = Path(sys.argv[1])
for number in range(10**6):
    with replacing(target) as partial:
        partial.mkdir()
        for name in "abc":
            (partial / name).write_text(str(number) * 1000)
    if number == 0:
        print("made", flush=True)
"""


@case("kill", "a folder that is replaced again and again", tries=100)
def folder_replaced(folder, seed):
    target = folder / "made"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE)
    process.stdout.readline()
    time.sleep(random.Random(seed).uniform(0, 0.1))
    process.kill()
    process.communicate()
    texts = [(target / name).read_text() for name in "abc"]  # there is one at every moment
    assert texts[0] and texts[1:] == texts[:1] * 2
    write_text(folder / "next", "")
    assert {path.name for path in folder.iterdir()} <= {"made", "next"}
