"""A Slurm of one node on this machine: munged, slurmctld and slurmd, for root on Debian, on loopback alone.

    python slurm_cluster.py start FOLDER   installs what is missing, starts it, prints the environment to use it as JSON
    python slurm_cluster.py stop FOLDER    cancels the jobs and ends the daemons

Without accounting, as on many clusters. Ends with a sentence on standard error where Slurm cannot run.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = {"munged": "munge", "slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client"}
DAEMONS = ("slurmd", "slurmctld", "munged")  # in the order in which they are ended
SBIN = "/usr/sbin:/sbin"

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={controller_port}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits for its credential to expire: 120 seconds if not set, and 5 is the least.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
KillWait=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 Port={node_port} CPUs=2 RealMemory=1024 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def start(folder: Path) -> dict[str, str]:
    """Starts the three daemons; gives the environment in which Slurm's commands find them."""
    if os.getuid() != 0:
        sys.exit("Slurm needs root here")
    os.environ["PATH"] += f":{SBIN}"
    _install()
    host = socket.gethostname().partition(".")[0]
    try:
        socket.gethostbyname(host)
    except OSError:
        sys.exit(f"Slurm needs {host} in /etc/hosts")
    for part in ("state", "spool"):
        (folder / part).mkdir(parents=True)
    controller_port, node_port = _free_ports(2)
    configuration = CONFIGURATION.format(host=host, folder=folder, controller_port=controller_port, node_port=node_port)
    (folder / "slurm.conf").write_text(configuration)
    environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": os.environ["PATH"]}
    os.environ.update(environment)
    _start_munge(folder)
    _run("slurmctld", "-f", folder / "slurm.conf")
    _wait("slurmctld", lambda: _works("scontrol", "ping"))
    _run("slurmd", "-f", folder / "slurm.conf", "-N", host)
    _wait("slurmd", lambda: _output("sinfo", "--noheader", "--format=%T").strip() == "idle")
    return environment


def stop(folder: Path) -> None:
    """Cancels the jobs and ends the daemons, by the process ids that they left."""
    os.environ |= {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{os.environ['PATH']}:{SBIN}"}
    if _pid(folder, "slurmctld"):
        _works("scancel", "--user=root")
        _wait("the end of the jobs", lambda: not _output("squeue", "--noheader"), seconds=20)
    for daemon in DAEMONS:
        if pid := _pid(folder, daemon):
            os.kill(pid, 15)
            _wait(f"the end of {daemon}", lambda daemon=daemon: not _pid(folder, daemon))


def _install() -> None:
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        sys.exit(f"Slurm needs {' '.join(missing)}, and there is no apt-get")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    if not _works("apt-get", "install", "-qq", "--no-install-recommends", "-y", *missing) and not (
        _works("apt-get", "update", "-qq")
        and _works("apt-get", "install", "-qq", "--no-install-recommends", "-y", *missing)
    ):
        sys.exit(f"apt-get cannot install {' '.join(missing)}")


def _start_munge(folder: Path) -> None:
    key, socket_path = folder / "munge.key", folder / "munge.socket"
    _run("mungekey", "--create", f"--keyfile={key}")
    files = {
        "key-file": key,
        "socket": socket_path,
        "log-file": folder / "munged.log",
        "seed-file": folder / "munged.seed",
    }
    options = [f"--{name}={path}" for name, path in (files | {"pid-file": folder / "munged.pid"}).items()]
    _run("munged", "--force", *options)
    _wait("munged", lambda: _works("munge", f"--socket={socket_path}", "--no-input"))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _pid(folder: Path, daemon: str) -> int | None:
    """The daemon's process, if it is alive and ours."""
    try:
        pid = int((folder / f"{daemon}.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except (OSError, ValueError):
        return None
    return pid if daemon in command and str(folder) in command else None


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(f"{command[0]} does not start: {done.stderr.strip()}")


def _works(*command: str) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def _wait(what: str, is_so: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain for {what}")
        time.sleep(0.1)


if __name__ == "__main__":
    if sys.argv[1] == "start":
        print(json.dumps(start(Path(sys.argv[2]))))
    else:
        stop(Path(sys.argv[2]))
