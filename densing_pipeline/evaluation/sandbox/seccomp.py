"""The filter of system calls inside bubblewrap, as a BPF program.

It closes gaps that namespaces and limits leave: shared memory that no limit counts, address families
outside network namespaces (such as vsock, from a virtual machine to its host), and kernel interfaces
with many past vulnerabilities. A refused call fails with EPERM. Not here: namespaces (`bubblewrap`).
"""

import errno
import platform
import struct

MACHINES = {
    "x86_64": (
        0xC000003E,
        41,
        56,
        (
            29, 64, 68, 101, 155, 165, 166, 246, 248, 249, 250, 272, 298, 304, 308, 310, 311, 319,
            321, 323,
        ),
    ),
    "aarch64": (
        0xC00000B7,
        198,
        220,
        (
            194, 190, 186, 117, 41, 40, 39, 104, 217, 218, 219, 97, 241, 265, 268, 270, 271, 279,
            280, 282,
        ),
    ),
}  # fmt: skip
"""Audit number of the architecture; numbers of socket and clone; and of what is refused: shmget,
semget, msgget, ptrace, pivot_root, mount, umount2, kexec_load, add_key, request_key, keyctl,
unshare, perf_event_open, open_by_handle_at, setns, process_vm_readv, process_vm_writev,
memfd_create, bpf, userfaultfd (include/uapi/asm-generic/unistd.h; arch/x86 syscall_64.tbl)."""

REFUSED_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 447)
"""io_uring, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr,
memfd_secret: numbers all architectures share."""

CLONE3 = 435
"""Its flags are in memory, which a filter cannot read; on ENOSYS the C library uses clone instead."""

NEW_NAMESPACES = 0x7E020080
"""CLONE_NEWTIME | NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET."""

OTHER_CALL_TABLE = 0x40000000
"""Bit of the x32 call table on x86-64: the same calls under other numbers."""

AF_UNIX = 1

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
CALL_AT, MACHINE_AT, ARGUMENT_AT = 0, 4, 16
"""Offsets of `struct seccomp_data`; the low half of the first argument comes first on both."""


def filter_program(machine: str | None = None) -> bytes:
    """The filter as an array of `struct sock_filter`.

    Raises:
        KeyError: no call numbers are known for this machine.
    """
    audit, socket, clone, refused = MACHINES[machine or platform.machine()]
    code = [
        (LOAD, 0, 0, MACHINE_AT),
        (EQUAL, 1, 0, audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, CALL_AT),
        (AT_LEAST, 0, 1, OTHER_CALL_TABLE),
        (RETURN, 0, 0, KILL),
    ]
    for number in (*refused, *REFUSED_EVERYWHERE):
        code += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE | errno.EPERM)]
    code += [
        (EQUAL, 0, 1, CLONE3),
        (RETURN, 0, 0, REFUSE | errno.ENOSYS),
        (EQUAL, 0, 4, socket),
        (LOAD, 0, 0, ARGUMENT_AT),
        (EQUAL, 1, 0, AF_UNIX),
        (RETURN, 0, 0, REFUSE | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
        (EQUAL, 0, 3, clone),
        (LOAD, 0, 0, ARGUMENT_AT),
        (ANY_BIT, 0, 1, NEW_NAMESPACES),
        (RETURN, 0, 0, REFUSE | errno.EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in code)
