"""A SLURM cluster of one node on this machine, for trying the profile: root, and Debian's packages.

    python tests/workflow/local_slurm.py snakemake --profile workflow/profiles/slurm \\
        --slurm-no-account --slurm-status-command squeue figures/quick/table1.pdf

starts munge, slurmctld and slurmd on the loopback interface, runs the command, and stops them. The
node has the partitions `cpu` and `gpu` and pretends to have two GPUs of type a100: a job is given
one, finds none, and computes on the CPU. There is no accounting database, hence the two options.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from synther.jobs.threads import cores

DAEMONS = ("munged", "slurmctld", "slurmd")
SYSTEM_CONF = Path("/etc/slurm/slurm.conf")
"""Where srun looks inside of a job, whatever SLURM_CONF says."""
GPUS = ("/dev/null", "/dev/zero")
"""What stands for GPUs: SLURM wants devices, and only counts them."""

CONF = """\
ClusterName=synther
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmdPort={slurmd_port}
SrunPortRange={first_port}-{last_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire={requeue_delay}
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=5,defer,batch_sched_delay=0
ReturnToService=2
MinJobAge=3600
KillWait=5
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:a100:{gpus}
PartitionName=cpu Nodes={host} Default=YES DefMemPerCPU=512
PartitionName=gpu Nodes={host} DefMemPerCPU=512
"""


def missing() -> str:
    """Return what keeps a cluster from being started here, or nothing."""
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    absent = [name for name in (*DAEMONS, "sbatch", "srun", "squeue") if not shutil.which(name)]
    if absent:
        return f"{', '.join(absent)} missing: make slurm-tools"
    if SYSTEM_CONF.is_symlink() and not SYSTEM_CONF.exists():
        SYSTEM_CONF.unlink()  # what a killed one left
    if SYSTEM_CONF.exists():
        return f"{SYSTEM_CONF} is there: this machine has a SLURM of its own"
    return ""


class LocalCluster:
    """One node, its controller, and their authentication, for as long as the context lasts.

    Args:
        folder: of keys, sockets, state and logs; nobody else may write there.
        cpus: of the node.
        requeue_delay: seconds that a requeued job waits, 5 or more.
    """

    def __init__(self, folder: Path, cpus: int | None = None, requeue_delay: int = 5) -> None:
        self.folder = folder
        self.host = socket.gethostname().partition(".")[0]
        self._cpus = cpus or cores()
        self._delay = requeue_delay
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> LocalCluster:
        if reason := missing():
            raise RuntimeError(reason)
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        os.chmod(self.folder, 0o755)  # what munge wants of a socket's folder
        ports = _free_ports(12)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        conf = self.folder / "slurm.conf"
        conf.write_text(
            CONF.format(
                host=self.host,
                folder=self.folder,
                ctld_port=ports[0],
                slurmd_port=ports[1],
                first_port=ports[2],
                last_port=ports[-1],
                requeue_delay=self._delay,
                cpus=self._cpus,
                memory=memory * 9 // 10,
                gpus=len(GPUS),
            ),
            encoding="utf-8",
        )
        gpus = "".join(f"Name=gpu Type=a100 File={device}\n" for device in GPUS)
        (self.folder / "gres.conf").write_text(gpus, encoding="utf-8")
        SYSTEM_CONF.parent.mkdir(parents=True, exist_ok=True)
        SYSTEM_CONF.symlink_to(conf)
        try:
            self._start_munge()
            self._start("slurmctld", "-D", "-c", "-f", str(conf))
            self.start_node()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(["scancel", "--full", "--signal=KILL", "-u", "root"], timeout=10)
        for daemon in reversed(list(self._daemons.values())):
            daemon.terminate()
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        SYSTEM_CONF.unlink(missing_ok=True)

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        files = {"key-file": key}
        for name in ("socket", "pid-file", "log-file", "seed-file"):
            files[name] = self.folder / f"munge.{name.partition('-')[0]}"
        self._start("munged", "--foreground", "--force", *[f"--{k}={v}" for k, v in files.items()])
        _wait(lambda: files["socket"].is_socket(), "munged", 10)

    def _start(self, name: str, *arguments: str) -> None:
        with open(self.folder / f"{name}.log", "ab") as log:
            self._daemons[name] = subprocess.Popen(
                [name, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the command; they end after it
            )

    def start_node(self) -> None:
        """Start the node's daemon, and wait until the controller can use it."""
        self._start("slurmd", "-D", "-f", str(self.folder / "slurm.conf"), "-N", self.host)
        _wait(self._usable, "the node", 60)

    def _usable(self) -> bool:
        state = self._node_state()
        if state.startswith("down"):  # it may return by itself meanwhile, which refuses this
            self._set_node("resume")
        return state in ("idle", "mixed", "allocated")

    def _node_state(self) -> str:
        done = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, encoding="utf-8")
        return done.stdout.split("\n")[0].strip()

    def _set_node(self, state: str) -> bool:
        update = ["scontrol", "update", f"NodeName={self.host}", f"State={state}", "Reason=test"]
        return subprocess.run(update, capture_output=True).returncode == 0

    def kill_daemon(self) -> None:
        """Kill the node's daemon alone; its jobs run on."""
        daemon = self._daemons.pop("slurmd")
        daemon.kill()
        daemon.wait()

    def crash_node(self) -> None:
        """Kill the node's daemon and everything that runs on the node, as a power cut does.

        The controller would notice within SlurmdTimeout, minutes; it is told at once.
        """
        asked = ["scontrol", "listpids"]
        listed = subprocess.run(asked, capture_output=True, encoding="utf-8").stdout
        jobs = {int(words[0]) for line in listed.splitlines()[1:] if (words := line.split())}
        jobs -= {-1}
        stewards = {parent for pid in jobs if (parent := _steward(pid))}
        self.kill_daemon()
        for pid in (*stewards, *jobs):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._set_node("down")


def _steward(pid: int) -> int | None:
    """Return the slurmstepd above a process of a job."""
    while pid > 1:
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        except OSError:
            return None
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        if fields["Name"].startswith("slurmstepd"):
            return pid
        pid = int(fields["PPid"])
    return None


def _free_ports(number: int) -> list[int]:
    """Return so many neighbouring ports that nobody listens on."""
    for first in range(23000, 60000, number):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + number):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
        return list(range(first, first + number))
    raise RuntimeError("no free ports")


def _wait(ready: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start within {seconds:.0f} s")
        time.sleep(0.2)


def main(command: Sequence[str]) -> int:
    """Run a command beside a cluster; return its exit code."""
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    if reason := missing():
        print(f"local_slurm: {reason}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, LocalCluster(Path(folder)):
        return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
