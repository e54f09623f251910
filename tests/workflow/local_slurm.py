"""A SLURM cluster of four nodes on this machine, for trying the profile; root, Debian's packages.

    python tests/workflow/local_slurm.py snakemake --profile workflow/profiles/slurm \\
        figures/quick/table1.pdf

starts munge, MariaDB, slurmdbd, slurmctld and four slurmd on the loopback interface, runs the
command, and stops them. Two nodes are the partition `cpu`. The other two, `gpu`, pretend to have
two GPUs of type a100 each: a job is given one, finds none, and computes on the CPU. Jobs of the
partition `urgent` preempt others on any node. Every node has processes of its own, and pretends to
have all of the machine's memory and cores, eight at least. A job gets no more memory than it asked
for where the kernel has cgroups of version 1.
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

NEEDED = (
    *("munged", "mariadbd", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "unshare"),
    *("sacct", "sacctmgr", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun"),
)
SYSTEM_CONF = Path("/etc/slurm/slurm.conf")
"""Where srun looks inside of a job, whatever SLURM_CONF says."""
NODES = ("n1", "n2", "n3", "n4")
CGROUPS = Path("/sys/fs/cgroup")

CONF = """\
ClusterName=synther
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SrunPortRange={first_port}-{last_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire={requeue_delay}
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/{task}
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={dbd_port}
AccountingStoragePass={folder}/munge.socket
AccountingStorageEnforce=associations
AccountingStorageTRES=gres/gpu
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=5,defer,batch_sched_delay=0
ReturnToService=2
MinJobAge=3600
MessageTimeout=100
KillWait=5
GresTypes=gpu
NodeName=DEFAULT CPUs={cpus} RealMemory={memory}
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port={cpu_ports}
NodeName=n[3-4] NodeHostname={host} NodeAddr=127.0.0.1 Port={gpu_ports} Gres=gpu:a100:2
PartitionName=DEFAULT DefMemPerCPU=512
PartitionName=cpu Nodes=n[1-2] Default=YES
PartitionName=gpu Nodes=n[3-4]
PartitionName=urgent Nodes=n[1-4] PriorityTier=10 PreemptMode=OFF
"""
# What stands for GPUs: SLURM wants devices, and only counts them.
GRES_CONF = "NodeName=n[3-4] Name=gpu Type=a100 File=/dev/null\n" + (
    "NodeName=n[3-4] Name=gpu Type=a100 File=/dev/zero\n"
)
CGROUP_CONF = "CgroupPlugin=cgroup/v1\nConstrainRAMSpace=yes\n"
DBD_CONF = """\
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={dbd_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
PidFile={folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
"""
# A node's first process: when it dies, everything on the node does. It starts a killed slurmd
# again, as systemd would.
NODE = ["unshare", "--pid", "--mount-proc", "--fork", "--kill-child", "sh", "-c"]


def missing() -> str:
    """Return what keeps a cluster from being started here, or nothing."""
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    if absent := [name for name in NEEDED if not shutil.which(name)]:
        return f"{', '.join(absent)} missing: make slurm-tools"
    if subprocess.run([*NODE, "true"], capture_output=True).returncode:
        return "the kernel, or a container's limits, grants no process namespaces (unshare --pid)"
    if SYSTEM_CONF.is_symlink() and not SYSTEM_CONF.exists():
        SYSTEM_CONF.unlink()  # what a killed one left
    if SYSTEM_CONF.exists():
        return f"{SYSTEM_CONF} is there: this machine has a SLURM of its own"
    return ""


def memory_limits() -> bool:
    """Return whether the kernel lets SLURM limit jobs' memory: cgroups of version 1, writable."""
    return os.access(CGROUPS / "memory/memory.limit_in_bytes", os.R_OK) and os.access(
        CGROUPS / "memory", os.W_OK
    )


class LocalCluster:
    """Four nodes, their controller, accounts and authentication, for as long as the context lasts.

    Args:
        folder: of keys, sockets, state and logs; nobody else may write there.
        cpus: of each node.
        requeue_delay: seconds that a requeued job waits, 5 or more.
    """

    def __init__(self, folder: Path, cpus: int | None = None, requeue_delay: int = 5) -> None:
        self.folder = folder
        ports = _free_ports(96)  # a step of a job takes some
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        self._values = {
            "host": socket.gethostname().partition(".")[0],
            "folder": folder,
            "ctld_port": ports[0],
            "dbd_port": ports[1],
            "cpu_ports": f"[{ports[2]}-{ports[3]}]",
            "gpu_ports": f"[{ports[4]}-{ports[5]}]",
            "first_port": ports[6],
            "last_port": ports[-1],
            "requeue_delay": requeue_delay,
            "cpus": cpus or max(8, cores()),  # what a job on a GPU asks for
            "memory": memory * 9 // 10,
            "task": "cgroup" if memory_limits() else "none",
        }
        self._environment = os.environ | {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "MYSQL_UNIX_PORT": str(folder / "mariadb/socket"),
        }
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> LocalCluster:
        if reason := missing():
            raise RuntimeError(reason)
        for name in ("state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        os.chmod(self.folder, 0o755)  # what munge wants of a socket's folder
        for name, text in (
            *(("slurm", CONF), ("gres", GRES_CONF), ("cgroup", CGROUP_CONF)),
            ("slurmdbd", DBD_CONF),
        ):
            conf = self.folder / f"{name}.conf"
            conf.write_text(text.format(**self._values), encoding="utf-8")
            conf.chmod(0o600)  # what slurmdbd wants of its own
        SYSTEM_CONF.parent.mkdir(parents=True, exist_ok=True)
        SYSTEM_CONF.symlink_to(self.folder / "slurm.conf")
        try:
            self._start_munge()
            self._start_accounting()
            self._start_controller()
            for node in NODES:
                self._start_node(node)
            for node in NODES:
                self.wait_for(node)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(["scancel", "--full", "--signal=KILL", "-u", "root"], timeout=10)
        for name in reversed(list(self._daemons)):
            self._stop(name, signal.SIGKILL if name in NODES else signal.SIGTERM)
        SYSTEM_CONF.unlink(missing_ok=True)

    def _start(self, name: str, *command: str) -> None:
        with open(self.folder / f"{name}.log", "ab") as log:
            self._daemons[name] = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the command; they end after it
            )

    def _stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        daemon = self._daemons.pop(name)
        daemon.send_signal(how)
        try:
            daemon.wait(timeout=10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _start_munge(self) -> None:
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        files = {"key-file": key}
        for name in ("socket", "pid-file", "log-file", "seed-file"):
            files[name] = self.folder / f"munge.{name.partition('-')[0]}"
        options = [f"--{name}={file}" for name, file in files.items()]
        self._start("munged", "munged", "--foreground", "--force", "--num-threads=10", *options)
        _wait(files["socket"].is_socket, "munged")

    def _start_accounting(self) -> None:
        """Start a database, and the daemon that keeps account of jobs in it."""
        data = [f"--datadir={self.folder / 'mariadb'}", "--user=root"]
        install = ["mariadb-install-db", "--no-defaults", "--skip-test-db", *data]
        subprocess.run(install, check=True, capture_output=True)
        file = self.folder / "mariadb/socket"  # only root gets there
        asked = ["--skip-networking", "--skip-grant-tables", "--innodb-flush-log-at-trx-commit=0"]
        self._start("mariadbd", "mariadbd", "--no-defaults", *data, *asked, f"--socket={file}")
        _wait(file.is_socket, "mariadbd")
        self._start("slurmdbd", "slurmdbd", "-D")
        # with an account `root` of the user root's
        _wait(lambda: _does("sacctmgr", "--immediate", "add", "cluster", "synther"), "slurmdbd")

    def _start_controller(self) -> None:
        self._start("slurmctld", "slurmctld", "-D")
        _wait(lambda: _does("scontrol", "ping"), "slurmctld")

    def restart_controller(self) -> None:
        """Stop slurmctld, and start it from what it saved; jobs run on.

        Until a node has reported to the new one, SLURM 22.05 refuses GPUs to a job's steps there
        (invalid generic resource specification), so this waits.
        """
        self._stop("slurmctld")
        self._start_controller()
        _wait(lambda: "SlurmdStartTime=None" not in self._nodes(), "every node's report")

    def _nodes(self) -> str:
        shown = subprocess.run(["scontrol", "show", "nodes"], capture_output=True, encoding="utf-8")
        return shown.stdout or "SlurmdStartTime=None"  # it does not answer yet

    def _start_node(self, node: str) -> None:
        self._start(node, *NODE, f"while :; do slurmd -D -N {node}; sleep 1; done")

    def wait_for(self, node: str) -> None:
        """Wait until the controller can use a node."""
        _wait(lambda: self._usable(node), node)

    def _usable(self, node: str) -> bool:
        state = self.state_of(node)
        if state.startswith("down"):  # it may return by itself meanwhile, which refuses this
            self.set_node(node, "resume")
        return state in ("idle", "mixed", "allocated")

    def state_of(self, node: str) -> str:
        """Return a node's state in SLURM's words, `idle` or `drained` say."""
        asked = ["sinfo", "-h", "-N", "-n", node, "-o", "%T"]
        done = subprocess.run(asked, capture_output=True, encoding="utf-8")
        return done.stdout.split("\n")[0].strip()

    def set_node(self, node: str, state: str) -> bool:
        """Set a node's state, `drain` or `resume` say; return whether SLURM did."""
        return _does("scontrol", "update", f"NodeName={node}", f"State={state}", "Reason=test")

    def kill_daemon(self, node: str) -> None:
        """Kill a node's daemon alone; its jobs run on, and it starts again."""
        (first,) = _children(self._daemons[node].pid)
        (daemon,) = (pid for pid in _children(first) if _text(f"{pid}/comm") == "slurmd")
        os.kill(daemon, signal.SIGKILL)

    def crash_node(self, node: str) -> None:
        """Kill everything that runs on a node, as a power cut does, and turn it on again.

        The controller would notice within SlurmdTimeout, minutes; it is told at once.
        """
        self._stop(node, signal.SIGKILL)
        self.set_node(node, "down")
        self._start_node(node)


def _text(of: str) -> str:
    return Path("/proc", of).read_text(encoding="utf-8").strip()


def _children(pid: int) -> list[int]:
    return [int(word) for word in _text(f"{pid}/task/{pid}/children").split()]


def _does(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode == 0


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


def _wait(ready: Callable[[], bool], what: str, seconds: float = 120) -> None:
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
    if not memory_limits():
        print("local_slurm: no cgroups of version 1: jobs' memory is not limited", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, LocalCluster(Path(folder)):
        return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
