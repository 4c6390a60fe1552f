"""Pipes, full disks, closed outputs: what goes to standard output, what aside, and what is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_helpers import PROGRAM, ROOT, call, refused, run_in, spawn

import neuroproc

pytestmark = pytest.mark.error

FULL = Path("/dev/full")
full_disk = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


def test_spikes_through_a_pipe(case, capsys):
    """`-` reads standard input; standard output is what is written by default, and nothing else is."""
    direct = call(capsys, "run", case.image, case.spikes).out
    piped = run_in('cat "$SPIKES" | neuroproc run "$IMAGE" - | cat', spikes=case.spikes, image=case.image)
    assert (piped.stdout, piped.stderr) == (direct, "")


def test_spikes_from_a_pipe_with_a_name(case, capsys):
    direct = call(capsys, "run", case.image, case.spikes).out
    piped = run_in('neuroproc run "$IMAGE" <(cat "$SPIKES")', spikes=case.spikes, image=case.image)
    assert (piped.stdout, piped.stderr) == (direct, "")


def test_output_of_one_run_is_input_of_another(case, capsys):
    """Ports go by number or name, so a host can put images in a row."""
    spec, port = neuroproc.load_profile("research"), neuroproc.Port
    relay = neuroproc.build_image(spec, [1, 1], [0], [1], [1], [3], [port("in", 0)], [port("out", 1)])
    neuroproc.save_image(case.folder / "relay.npi", relay)
    line = 'neuroproc run "$RELAY" "$SPIKES" | grep -v image | neuroproc run "$RELAY" -'
    found = run_in(line, spikes=case.spikes, relay=case.folder / "relay.npi")
    assert found.stderr == ""
    assert found.stdout.splitlines()[1:] == ["cycle,port,value", "7,0,1", "11,0,1", "15,0,1"]


def test_images_through_a_pipe(case, capsys):
    """The table goes aside when the image itself is what comes out."""
    line = 'neuroproc compile "$NETWORK" -o - --profile np8 --unroll 1x1 | neuroproc count - --json'
    found = run_in(line, network=case.network)
    assert json.loads(found.stdout) == json.loads(call(capsys, "count", case.image, "--json").out)
    assert "a frame every" in found.stderr
    assert not (ROOT / "-").exists()


def test_standard_input_can_be_one_thing_only(capsys):
    refused(call(capsys, "run", "-", "-"), "standard input")


def test_a_closed_pipe_is_nothing_wrong(case):
    for command in ('count "$IMAGE" --json', 'compile "$NETWORK" -o "$NEW"', 'run "$IMAGE" "$SPIKES"'):
        places = {"image": case.image, "network": case.network, "spikes": case.spikes, "new": case.folder / "new.npi"}
        found = run_in(f"neuroproc {command} | true; echo ${{PIPESTATUS[0]}}", **places)
        assert (found.stdout, found.stderr) == ("0\n", ""), command


def test_a_long_output_into_a_closed_pipe(case):
    """More than any pipe holds: the reader has gone long before the end."""
    spikes = case.folder / "many.csv"
    spikes.write_text("cycle,port\n" + "".join(f"{cycle},0\n" for cycle in range(1, 60_000, 2)))
    found = run_in(
        'neuroproc run "$IMAGE" "$SPIKES" | head -n 2; echo ${PIPESTATUS[0]}', image=case.image, spikes=spikes
    )
    assert found.stderr == ""
    assert found.stdout.splitlines()[1:] == ["cycle,port,value", "0"]


@full_disk
@pytest.mark.parametrize(
    "command", ['count "$IMAGE"', 'count "$IMAGE" --json', 'run "$IMAGE" "$SPIKES"', 'classify "$IMAGE" "$FRAMES"']
)
def test_a_full_disk_behind_standard_output(case, command):
    places = {"image": case.image, "spikes": case.spikes, "frames": case.frames}
    found = run_in(f"neuroproc {command} > /dev/full", **places)
    assert (found.returncode, found.stdout) == (3, "")
    assert found.stderr.startswith("neuroproc: error: standard ")
    assert "No space left on device" in found.stderr
    assert len(found.stderr.splitlines()) == 1


@full_disk
def test_a_full_disk_behind_an_output_file(case, capsys):
    refused(call(capsys, "compile", case.network, "-o", FULL), "/dev/full", "No space left on device")
    refused(call(capsys, "run", case.image, case.spikes, "--record", FULL), "/dev/full", "No space left on device")
    assert FULL.is_char_device()


SMALL_FILES_ONLY = ("sh", "-c", 'ulimit -f 1; exec "$@"', "sh")
"""Runs what follows with files of a kilobyte at most."""


@pytest.mark.parametrize("existing", [False, True])
def test_a_file_that_cannot_be_finished_is_not_begun(case, existing):
    """Out of room in the middle: the old file stays as it was, a new one does not appear, no scratch file either."""
    image = case.folder / "new.npi"
    if existing:
        image.write_bytes(b"old")
    before = {file.name: file.read_bytes() for file in case.folder.iterdir()}
    arguments = [*SMALL_FILES_ONLY, *PROGRAM, "compile", str(case.network), "-o", str(image)]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(arguments, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (3, "", 1), done.stderr
    assert "new.npi" in done.stderr
    assert {file.name: file.read_bytes() for file in case.folder.iterdir()} == before


@pytest.mark.parametrize(("place", "words"), [("nowhere/table.json", "No such file"), (".", "Is a directory")])
def test_an_image_is_not_there_without_its_table(case, capsys, place, words):
    before = sorted(case.folder.iterdir())
    table = case.folder / place
    refused(call(capsys, "compile", case.network, "-o", case.folder / "new.npi", "--report", table), str(table), words)
    assert sorted(case.folder.iterdir()) == before


@full_disk
def test_an_image_is_not_there_where_its_table_has_no_room(case, capsys):
    before = sorted(case.folder.iterdir())
    refused(call(capsys, "compile", case.network, "-o", case.folder / "new.npi", "--report", FULL), "No space left")
    assert sorted(case.folder.iterdir()) == before


@pytest.mark.parametrize("place", ["nowhere/new.npi", "tiny.json/new.npi", ".", "/proc/new.npi"])
def test_a_place_that_cannot_be_written(case, capsys, place):
    before = sorted(case.folder.iterdir())
    message = refused(call(capsys, "compile", case.network, "-o", case.folder / place), "cannot be written")
    assert "new.npi" in message or place == "."
    assert sorted(case.folder.iterdir()) == before


def test_no_output_at_all(case):
    """Standard output closed by the caller: nobody listens, nothing is wrong."""
    assert run_in('neuroproc count "$IMAGE" >&-', image=case.image).returncode == 0


def test_nothing_is_said_aside_where_nobody_watches(case):
    done = spawn("classify", case.image, case.frames)
    assert (done.returncode, done.stderr) == (0, b"")


BY_DEFAULT = (
    "import signal, sys; from neuroproc.cli.main import main; "
    "signal.signal({number}, signal.default_int_handler if {number} == signal.SIGINT else signal.SIG_DFL); "
    "sys.exit(main())"
)
"""The program, where a signal does what it does when nobody has decided otherwise."""


@pytest.mark.skipif(os.name == "nt", reason="no such signals here")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(case, number):
    """Whoever stops a run finds the folder as it was, whether by Ctrl-C, a scheduler, or a terminal that is closed."""
    before = {file.name: file.read_bytes() for file in case.folder.iterdir()}
    places = [str(place) for place in (case.image, case.spikes, case.folder / "out.csv", case.folder / "all.npz")]
    arguments = [*places[:2], "-o", places[2], "--record", places[3], "--cycles", str(10**12), "--force"]
    # Under nohup, as these tests may run, a program starts with signals ignored.
    program = [sys.executable, "-c", BY_DEFAULT.format(number=int(number)), "run", *arguments]
    with subprocess.Popen(program, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            while not any(file.name.startswith(".all") for file in case.folder.iterdir()):
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, said) == (
        (130, "neuroproc: interrupted\n") if number == signal.SIGINT else (128 + number, "")
    )
    assert {file.name: file.read_bytes() for file in case.folder.iterdir()} == before
