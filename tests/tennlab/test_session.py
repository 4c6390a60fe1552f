"""Sessions, command by command: what is answered, and what is said of mistakes."""

import json

import pytest
from cli_helpers import changed
from tennlab_helpers import answers, property_of, small_network

from neuroproc.tennlab.interpreter import COMMANDS, HELP, QUIT, help_text
from neuroproc.tennlab.network import parse_network


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a network, and the present one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.json").write_text(json.dumps(small_network()))
    return tmp_path


RUN = "ML net.json\nASV 0 0 1  1 0 1\nRUN 8\n"

ANSWERS = {
    "GSR": "0(A)   INPUT  : 100000\n1(B)   INPUT  : 100000\n2      HIDDEN : 010100\n7(Out) OUTPUT : 000001\n",
    "GSR F": "0(A)   INPUT  : 100000\n1(B)   INPUT  : 100000\n7(Out) OUTPUT : 000001\n",
    "GSR T 7 2": "7(Out) OUTPUT : 000001\n2      HIDDEN : 010100\n",
    "GT": "time: 8.0\n",
    "OT": "node 7(Out) spike times: 5.0\n",
    "OV 7": "node 7(Out) spike times: 5.0 \n",
    "OC": "node 7(Out) spike counts: 1\n",
    "OLF": "node 7(Out) last fire time: 5.0\n",
    "NT 2": "Node  2 fire times: 1.0 3.0\n",
    "NC F 0 2": "Node   0(A) fire count: 1\nNode      2 fire count: 2\n",
    "NLF F 7 0": "Node 7(Out) last fire: 5.0\nNode   0(A) last fire: 0.0\n",
    "NCH 7": "Node 7(Out) charge: 0\n",
    "NCHJ": '{"Charges":[0.0,0.0,0.0,0.0],"Neuron Alias":[0,1,2,7]}\n',
    "NVJ v 2": '{"Event Times":[[1.0,3.0]],"Neuron Alias":[2]}\n',
    "NVJ S 2": '{"Neuron Alias":[2],"Spikes":["010100"]}\n',
    "NCJ 7": '{"Event Counts":[1],"Neuron Alias":[7]}\n',
    "NLFJ 7": '{"Last Fires":[5.0],"Neuron Alias":[7]}\n',
    "TNC": "5\n",
    "TNA": "7\n",
    "SW": "     0 ->    7 : -2.0000\n     0 ->    2 :  2.0000\n     1 ->    2 :  1.0000\n     2 ->    7 :  2.0000\n",
    "SW 2 7": "     2 ->    7 :  2.0000\n",
    "NAME": "risp\n",
    "INFO": "Input nodes:  0(A) 1(B) \nHidden nodes: 2 \nOutput nodes: 7(Out) \n\n",
    "PS": "",
}
"""After the run above, to the letter."""


@pytest.mark.golden
@pytest.mark.parametrize("command", ANSWERS)
def test_answers(folder, command):
    assert answers(RUN + command) == ANSWERS[command]


@pytest.mark.parametrize("command", ANSWERS)
def test_long_names_and_small_letters(folder, command):
    short, *rest = command.split()
    for name in COMMANDS[short].names:
        assert answers(RUN + " ".join([name.lower(), *rest])) == ANSWERS[command]


@pytest.mark.golden
def test_nothing_has_happened_yet(folder):
    silent = "0(A)   INPUT  : \n1(B)   INPUT  : \n2      HIDDEN : \n7(Out) OUTPUT : \n"
    assert answers("ML net.json\nGSR\nOT\nNC F\nNT F\nNLF F\nOLF") == (
        f"{silent}node 7(Out) spike times:\nnode 7(Out) last fire time: -1.0\n"
    )


@pytest.mark.golden
def test_run_and_show(folder):
    assert answers("ML net.json\nASV 0 0 1  1 0 1\nRSC 3\nRSC 3 2 7\nGT\nGSR T 2") == (
        "Time   0(A)   1(B)      2 7(Out) |   0(A)   1(B)      2 7(Out)\n"
        "   0      *      *      -      - |      0      0      0      0\n"
        "   1      -      -      *      - |      0      0      0     -2\n"
        "   2      -      -      -      - |      0      0      0     -2\n"
        "Time      2 7(Out) |      2 7(Out)\n"
        "   0      *      - |      0      0\n"
        "   1      -      - |      0      0\n"
        "   2      -      * |      0      0\n"
        "time: 6.0\n"
        "2      HIDDEN : 0\n"
    )


def test_a_later_run_tells_of_itself_alone(folder):
    assert answers(RUN + "ASV 0 2 1\nRUN 5\nNVJ V 0 2 7\nGT\nRUN 1\nTNC") == (
        '{"Event Times":[[2.0],[3.0],[]],"Neuron Alias":[0,2,7]}\ntime: 13.0\n0\n'
    )


def test_pending_spikes_wait_for_their_time(folder):
    assert answers("ML net.json\nAS 0 1 0.5\nASV 1 9 -3\nPS\nRUN 4\nPS\nCA\nPS") == (
        "Spike: [0,1,0.5]\nSpike: [1,9,-3]\nSpike: [1,5,-3]\n"
    )


def test_input_values(folder):
    """Normalised ones are scaled, then cut where all is whole; others are cut."""
    entry = changed(small_network(), ["Nodes", 1, "values"], [100.0])
    (folder / "net.json").write_text(json.dumps(entry))
    assert answers("ML net.json\nAS 0 0 .5\nRUN 1\nNCH 0\nASV 0 0 -2.5\nRUN 1\nNCH 0\nAS 0 0 -0.1\nRUN 1\nNCH 0") == (
        "Node   0(A) charge: 63\nNode   0(A) charge: 60\nNode   0(A) charge: 47\n"
    )


def test_numbers_are_exact_in_tenths(folder):
    """Ten tenths are one; floats make a little less of them."""
    entry = small_network(discrete=False, spike_value_factor=1.0)
    (folder / "net.json").write_text(json.dumps(entry))
    tenths = " ".join(f"0 {time} 0.1" for time in range(9))
    assert answers(f"ML net.json\nAS {tenths}\nRUN 9\nNCH 0\nAS 0 0 1e-1\nRUN 1\nNC 0") == (
        "Node   0(A) charge: 0.9\nNode   0(A) fire count: 1\n"
    )


def test_a_finer_value_makes_the_unit_finer_and_loses_nothing(folder):
    entry = small_network(discrete=False, threshold_inclusive=False, spike_value_factor=1.0)
    (folder / "net.json").write_text(json.dumps(entry))
    commands = "ML net.json\nASV 0 0 1  0 5 0.25\nRUN 1\nASV 0 0 0.001\nRUN 1\nNC 0\nNCHJ\nRUN 4\nNCHJ 0\nGT"
    assert answers(commands) == (
        "Node   0(A) fire count: 1\n"
        '{"Charges":[0.0,0.0,0.0,0.0],"Neuron Alias":[0,1,2,7]}\n'
        '{"Charges":[0.25],"Neuron Alias":[0]}\n'
        "time: 6.0\n"
    )


def test_leaking_charge_does_not_outlive_its_cycle(folder):
    (folder / "net.json").write_text(json.dumps(changed(small_network(leak_mode="all"), ["Nodes", 1, "values"], [9])))
    assert answers("ML net.json\nASV 0 0 5\nRUN 1\nNCH 0\nASV 0 0 5  0 1 8  0 2 9\nRUN 3\nNT 0") == (
        "Node   0(A) charge: 0\nNode  0 fire times: 2.0\n"
    )


def test_some_leak_where_each_says_so(folder):
    entry = small_network(leak_mode="configurable")
    entry["Properties"]["node_properties"].append(property_of("Leak", 66, 1, 0.0, 1.0))
    for node in entry["Nodes"]:
        node["values"] = [9.0, float(node["id"] == 0)]
    (folder / "net.json").write_text(json.dumps(entry))
    assert answers("ML net.json\nASV 0 0 5 1 0 5\nRUN 1\nNCH 0 1\nASV 0 0 5 1 0 5\nRUN 2\nNC T 0 1") == (
        "Node   0(A) charge: 0\nNode   1(B) charge: 5\nNode   0(A) fire count: 0\nNode   1(B) fire count: 1\n"
    )


@pytest.mark.golden
def test_spikes_as_ravens_has_them(folder):
    """They are seen, and take the charge away, one cycle later; they arrive when they would anyway."""
    (folder / "net.json").write_text(json.dumps(small_network(fire_like_ravens=True)))
    assert answers(f"{RUN}GSR\nCA\nASV 0 0 3\nRSC 2 0 2\nRUN 1\nNT F") == (
        "0(A)   INPUT  : 0100000\n1(B)   INPUT  : 0100000\n2      HIDDEN : 0010100\n7(Out) OUTPUT : 0000001\n"
        "Time   0(A)      2 |   0(A)      2\n"
        "   0      -      - |      3      0\n"
        "   1      *      - |      0      2\n"
        "Node  2 fire times: 0.0\n"
    )


def test_inclusive_runs_are_one_longer(folder):
    (folder / "net.json").write_text(json.dumps(small_network(run_time_inclusive=True)))
    assert answers("ML net.json\nASV 0 0 1\nRUN 0\nGT\nNC 0\nRUN 5\nGT\nRSC 1 2\nGT") == (
        "time: 1.0\nNode   0(A) fire count: 1\ntime: 7.0\n"
        "Time      2 |      2\n   0      - |      0\n   1      - |      0\ntime: 9.0\n"
    )


def test_tracking_is_of_times_alone(folder):
    assert answers(f"ML net.json\nUNTRACK_O\nUNTRACK_N 2\n{RUN[12:]}GSR\nOT\nOC\nNLFJ\nTRACK_N 2\n{RUN[12:]}NT 2") == (
        "0(A)   INPUT  : 1\n1(B)   INPUT  : 1\n2      HIDDEN : 0\n7(Out) OUTPUT : 0\n"
        "node 7(Out) spike times:\nnode 7(Out) spike counts: 1\n"
        '{"Last Fires":[0.0,0.0,3.0,5.0],"Neuron Alias":[0,1,2,7]}\n'
        "Node  2 fire times: 1.0 3.0\n"
    )


def test_clearing(folder):
    assert answers(RUN + "CLEAR-A\nGT\nTNC\nUNTRACK_N\nclear_activity\n" + RUN[12:] + "OT\nTNC") == (
        "time: 0.0\n0\nnode 7(Out) spike times:\n5\n"
    )
    assert answers(RUN + "CLEAR\nNAME\nLOAD net.json\nGT", whole=True) == ("risp\ntime: 0.0\n", "")


def test_a_file_or_json_on_this_line_or_the_next(folder):
    text = json.dumps(small_network(), indent=1)
    params = json.dumps(small_network()["Associated_Data"]["proc_params"], indent=2)
    for load in ("ML net.json", f"ML {json.dumps(small_network())}", f"ML\n\n# here it comes\n{text}\n"):
        assert answers(f"{load}\nNAME\nGT") == "risp\ntime: 0.0\n"
    (folder / "params.json").write_text(params)
    for make in ("M risp params.json", f"MAKE RISP {params}", f"make risp\n{params}"):
        assert answers(f"{make}\nLOAD\n{text}\nINFO") == ANSWERS["INFO"]


def test_the_processor_that_was_made_wins_over_the_network(folder):
    params = small_network(max_weight=1.0, spike_value_factor=3.0)["Associated_Data"]["proc_params"]
    out, errors = answers(f"M risp {json.dumps(params)}\nL net.json\nNAME\nGT", whole=True)
    assert out == "risp\n"
    assert "line 2: L: net.json: edge 0 -> 2: Weight 2.0, allowed -127.0..1.0 (max_weight" in errors
    assert "line 4: GT: there is no network yet; load one (LOAD)" in errors


def test_networks_are_written(folder):
    assert answers("ML net.json\nPULL\nPULL_NETWORK out.json\nEMPTYNET empty.json") == (
        (folder / "out.json").read_text()
    )
    pulled = parse_network((folder / "out.json").read_text(), "out.json")
    given = parse_network((folder / "net.json").read_text(), "net.json")
    assert (pulled.nodes, pulled.edges, pulled.properties) == (given.nodes, given.edges, given.properties)
    assert pulled.associated["proc_params"]["leak_mode"] == "none"
    empty = parse_network((folder / "empty.json").read_text(), "empty.json")
    assert (empty.nodes, empty.properties) == ((), given.properties)
    assert answers("ML empty.json\nGSR\nOT\nINFO\nRUN 3\nGT") == (
        "Input nodes:  \nHidden nodes: \nOutput nodes: \n\ntime: 3.0\n"
    )


def test_comments_blank_lines_and_what_follows_a_command(folder):
    assert (
        answers("# first\n\n   \t\nML net.json # the network\nASV 0 0 1 #x\nRUN 1 # GSR\n  gt\n#GT\nQ\nGT")
        == "time: 1.0\n"
    )


MISTAKES = [
    ("FROB 1", "FROB: no such command (? lists the commands)"),
    ("RUNN 1", "RUNN: no such command; did you mean RUN"),
    ("AS 2 0 1", "AS: input node 2 is unknown, allowed: the inputs 0, 1"),
    ("AS B 0 1", "AS: input node B is unknown, allowed: the inputs 0, 1"),
    ("AS 0 -1 1", "AS: time -1, allowed: whole numbers 0..9007199254740992"),
    ("AS 0 0.5 1", "AS: time 0.5, allowed: whole numbers"),
    ("AS 0 0 2", "AS: value 2, allowed: -1..1, for it is normalised; ASV takes"),
    ("ASV 0 0 x", "ASV: 'x', allowed: a number, for example 1, 0.5 or -2e-3"),
    ("ASV 0 0 1e999", "ASV: '1e999', allowed: finite numbers of at most 60 digits"),
    ("ASV 0 0 1e20", "the numbers need more than 32 bits together"),
    ("AS 0 0", "AS: 2 words, needed: NODE TIME VALUE, once or several times"),
    ("AS", "AS: 0 words, needed: NODE TIME VALUE"),
    ("ASR 0 0120", "ASR: raster 0120: '2' at time 2, allowed: 0 and 1"),
    ("ASR 0", "ASR: 1 words, needed: NODE RASTER"),
    ("RUN", "RUN: needed: how long to run"),
    ("RUN -3", "RUN: time -3, allowed: whole numbers"),
    ("RUN 3 4", "RUN: '4' is too much, allowed: 1 words here; ? lists the commands"),
    ("RUN 9007199254740992", "RUN: time 9007199254740992 ends after 9007199254740992, allowed: up to there"),
    ("RSC", "RSC: needed: how long to run"),
    ("OT 2", "OT: output node 2 is unknown, allowed: the outputs 7"),
    ("NCH 9", "NCH: node 9 is unknown, allowed: the nodes 0, 1, 2, 7"),
    ("NVJ", "NVJ: '', needed: V for times, or S for rasters"),
    ("SW 0 1", "SW: there is no synapse from node 0 to node 1; SW lists all"),
    ("SW 0", "SW: 1 words, needed: FROM TO"),
    ("TRACK_O 0", "TRACK_O: output node 0 is unknown, allowed: the outputs 7"),
    ("ML none.json", "ML: none.json: cannot be read (No such file or directory)"),
    ("M vrisp net.json", "M: processor 'vrisp' is unknown, allowed: risp"),
    ("M", "M: needed: the name of the processor (risp), and a file with its parameters, or JSON"),
    ("M risp net.json", "M: net.json.Properties is an unknown key, allowed: discrete"),
    ("PULL nowhere/out.json", "PULL: nowhere/out.json: cannot be written"),
]


@pytest.mark.error
@pytest.mark.parametrize(("line", "said"), MISTAKES, ids=lambda item: item[:30])
def test_mistakes_are_told_and_the_session_goes_on(folder, line, said):
    out, errors = answers(f"{RUN}{line}\nGT", whole=True)
    assert out == "time: 8.0\n"
    assert len(errors.splitlines()) == 1
    assert errors.startswith("neuroproc shell: line 4: ")
    assert said in errors


@pytest.mark.error
def test_nothing_of_a_wrong_line_is_applied(folder):
    out, errors = answers("ML net.json\nASV 0 0 1 1 0 1 9 0 1\nASV 0 0 1 1 0 bad\nPS\nRUN 2\nTNC", whole=True)
    assert (out, len(errors.splitlines())) == ("0\n", 2)


@pytest.mark.error
def test_before_anything_is_made():
    for command in ("RUN 1", "GSR", "INFO", "AS 0 0 1", "CA"):
        assert "there is no network yet; load one (LOAD), or make and load (ML)" in answers(command, whole=True)[1]
    for command in ("PARAMS", "PP", "NAME", "EMPTYNET", "L net.json"):
        assert "there is no processor yet; make one (MAKE), or make and load (ML)" in answers(command, whole=True)[1]


@pytest.mark.error
def test_json_that_does_not_come_or_does_not_end(folder):
    out, errors = answers('ML net.json\nML\nGT\nLOAD\n{"Nodes":\n[', whole=True)
    assert out == "time: 0.0\n"
    assert errors.splitlines() == [
        "neuroproc shell: line 2: ML: needed: the name of a file, or JSON on this line or the next",
        "neuroproc shell: line 4: LOAD: the JSON that follows does not end",
    ]
    assert "line 1: ML: network: is not JSON" in answers('ML {"Nodes": "}"\n x}', whole=True)[1]


@pytest.mark.error
def test_inputs_from_a_table_of_weights(folder):
    entry = small_network(weights=[1.0, 5.0, -2.0], inputs_from_weights=True)
    params = entry["Associated_Data"]["proc_params"]
    del params["min_weight"], params["max_weight"]
    for edge in entry["Edges"]:
        edge["values"][0] = 2.0
    (folder / "net.json").write_text(json.dumps(entry))
    assert answers("ML net.json\nASV 0 0 2\nRUN 1\nNCH 0\nASV 0 0 1\nRUN 1\nNC 0") == (
        "Node   0(A) charge: -2\nNode   0(A) fire count: 1\n"
    )
    for line, said in (
        ("AS 0 0 1", "cannot be normalised; use ASV"),
        ("ASV 0 0 3", "value 3, allowed: 0..2, a place in the table of weights (inputs_from_weights)"),
        ("ASV 0 0 0.5", "value 0.5, allowed: 0..2"),
    ):
        assert said in answers(f"ML net.json\n{line}", whole=True)[1]


def test_help_is_the_table_of_commands(folder):
    text = answers("?")
    assert text == help_text() == answers("help")
    for command in COMMANDS.values():
        assert f"  {' '.join(command.names)}  {command.arguments}".rstrip() in text
        assert command.help in text
    assert not set(COMMANDS) & {*HELP, *QUIT}
    assert all(name == name.upper() for name in COMMANDS)
    assert len(COMMANDS) == sum(len(command.names) for command in set(COMMANDS.values()))
