"""The tables load, agree with the code, and every corruption of them is one SpecError that names the place."""

import copy
import tomllib

import pytest

from isa_spec import errors
from isa_spec.errors import SpecError
from isa_spec.formats import check_image_table, check_spike_table, check_stream_table, format_tables
from isa_spec.schema import Key, check_table, check_value, load_toml
from isa_spec.spec import check_fields
from isa_spec.tables import FOLDER, OVERFLOW_RULES, check_processor, processor_tables

DELETE = object()


def corrupted(name, path, value):
    """Content of a shipped table with one entry changed, added or deleted."""
    content = tomllib.loads((FOLDER / name).read_text())
    *outer, last = path
    table = content
    for key in outer:
        table = table[key]
    if value is DELETE:
        del table[last]
    else:
        table[last] = copy.deepcopy(value)
    return content


def test_phases_are_the_six_of_a_cycle():
    names = [phase["name"] for phase in processor_tables().phase]
    assert names == ["deliver", "integrate", "compare", "reset", "propagate", "observe"]


def test_every_state_element_has_one_overflow_rule_and_is_cleared_by_reset():
    for entry in processor_tables().state.values():
        assert entry["overflow"] in OVERFLOW_RULES
        assert "reset" in entry["cleared_by"]


def test_every_signal_and_state_is_written_by_a_phase():
    tables = processor_tables()
    written = {name for phase in tables.phase for name in phase["writes"]}
    # Input is written by the host, between cycles.
    assert written == {*tables.signal, *tables.state} - {"pending_input"}


def test_errors_are_those_of_the_code_with_their_exit_status():
    for entry in processor_tables().error:
        assert getattr(errors, entry["name"]).exit_status == entry["exit_status"]


NEW_PARAMETER = {"type": "boolean", "default": True, "unit": "-", "fixed_by": "build", "meaning": "New."}

PROCESSOR_CORRUPTIONS = [
    (("leak",), {}, "processor.toml: leak"),
    (("phase",), DELETE, "phase is missing"),
    (("phase",), [], "processor.toml: phase"),
    (("phase",), {}, "processor.toml: phase"),
    (("phase", 0, "rule"), DELETE, "phase.0.rule is missing"),
    (("phase", 0, "rule"), " ", "phase.0.rule is empty"),
    (("phase", 0, "colour"), "red", "phase.0.colour is an unknown key"),
    (("phase", 1, "name"), "deliver", "phase: a name occurs twice"),
    (("phase", 2, "reads"), ["voltage"], "phase.2.reads = 'voltage'"),
    (("phase", 0, "reads"), ["fired"], "phase.0.reads = 'fired'"),
    (("phase", 0, "writes"), ["threshold"], "phase.0.writes = 'threshold'"),
    (("phase", 0, "reads"), "charge", "phase.0.reads = 'charge'"),
    (("phase", 0, "reads"), [3], "phase.0.reads.0 = 3"),
    (("signal", "noise"), {"meaning": "None."}, "no phase writes the signal 'noise'"),
    (("state",), {}, "processor.toml: state"),
    (("state", "potential"), 7, "state.potential = 7"),
    (("state", "potential", "width"), "potential_bytes", "state.potential.width = 'potential_bytes'"),
    (("state", "potential", "width"), True, "state.potential.width = True"),
    (("state", "cycle", "width"), -1, "state.cycle.width = -1"),
    (("state", "potential", "sign"), "sometimes", "state.potential.sign = 'sometimes'"),
    (("state", "potential", "overflow"), "explode", "state.potential.overflow = 'explode'"),
    (("state", "potential", "reset"), "0", "state.potential.reset = '0'"),
    (("state", "potential", "cleared_by"), DELETE, "state.potential.cleared_by is missing"),
    (("parameter", "max_delay", "type"), "float", "parameter.max_delay.type = 'float'"),
    (("parameter", "max_delay", "minimum"), DELETE, "parameter.max_delay.minimum is missing"),
    (("parameter", "max_delay", "minimum"), 2**40, "parameter.max_delay.minimum"),
    (("parameter", "max_delay", "default"), "endless", "parameter.max_delay.default = 'endless'"),
    (("parameter", "max_delay", "default"), 0, "parameter.max_delay.default = 0"),
    (("parameter", "max_delay", "choices"), ["1"], "parameter.max_delay.choices does not belong"),
    (("parameter", "weight_min", "default"), True, "parameter.weight_min.default = True"),
    (("parameter", "weight_min", "fixed_by"), "chance", "parameter.weight_min.fixed_by = 'chance'"),
    (("parameter", "weight_min", "meaning"), DELETE, "parameter.weight_min.meaning is missing"),
    (("parameter", "evaluation", "choices"), DELETE, "parameter.evaluation.choices is missing"),
    (("parameter", "evaluation", "default"), "never", "parameter.evaluation.default = 'never'"),
    (("parameter", "parallel_synapses", "default"), 1, "parameter.parallel_synapses.default = 1"),
    (("parameter", "leak", "optional"), "yes", "parameter.leak.optional = 'yes'"),
    (("parameter", "parallel_synapses", "none"), "none", "parameter.parallel_synapses.none does not belong"),
    (("field", "weight", "low"), "weight_least", "field.weight.low = 'weight_least'"),
    (("field", "weight", "low"), "evaluation", "field.weight.low = 'evaluation'"),
    (("field", "weight", "record"), "axon", "field.weight.record = 'axon'"),
    (("field", "once", "needs"), ["one_shot"], "field.once.needs = 'one_shot'"),
    (("field", "once", "needs"), "one-shot", "field.once.needs = 'one-shot'"),
    (("extension", "on-delivery", "parameter"), "mood", "extension.on-delivery.parameter = 'mood'"),
    (("extension", "on-delivery", "value"), "now", "extension.on-delivery.value = 'now'"),
    (
        ("extension", "on-delivery", "value"),
        "every-cycle",
        "extension.on-delivery.value = 'every-cycle' is the default",
    ),
    (("error", 0, "name"), "SpecFault", "SpecFault"),
    (("error", 0, "exit_status"), 4, "SpecError"),
    (("error", 0, "exit_status"), "3", "error.0.exit_status = '3'"),
]


@pytest.mark.error
@pytest.mark.parametrize(("path", "value", "words"), PROCESSOR_CORRUPTIONS)
def test_corrupt_processor_table_is_refused(path, value, words):
    with pytest.raises(SpecError) as caught:
        check_processor(corrupted("processor.toml", path, value), "processor.toml")
    assert words in str(caught.value)
    assert "processor.toml" in str(caught.value)


@pytest.mark.error
@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("parameter", "echo"), NEW_PARAMETER, "echo"),
        (("parameter", "max_synapses"), DELETE, "max_synapses"),
        (("parameter", "max_neurons", "none"), DELETE, "max_neurons"),
        (("parameter", "max_neurons"), NEW_PARAMETER, "max_neurons"),
    ],
)
def test_parameters_that_are_not_the_fields_of_the_dataclass_are_refused(path, value, words):
    content = corrupted("processor.toml", path, value)
    if path[-1] == "none":
        content["parameter"]["max_neurons"]["default"] = 9
    for field in content["field"].values():
        field["high"] = 1
    tables = check_processor(content, "processor.toml")
    with pytest.raises(SpecError, match=words):
        check_fields(tables)


@pytest.mark.error
def test_parameters_in_another_order_are_refused():
    content = tomllib.loads((FOLDER / "processor.toml").read_text())
    content["parameter"] = dict(reversed(content["parameter"].items()))
    with pytest.raises(SpecError, match="their order"):
        check_fields(check_processor(content, "processor.toml"))


FORMAT_CORRUPTIONS = [
    ("image.toml", ("format",), "other", "format"),
    ("image.toml", ("version",), 2, "version"),
    ("image.toml", ("version",), True, "version = True"),
    ("image.toml", ("role", 0, "name"), "inlet", "inlet"),
    ("image.toml", ("role",), {}, "role"),
    ("image.toml", ("kind", 0, "name"), "charged", "charged"),
    ("image.toml", ("section", "kind", "extensions"), DELETE, "extensions"),
    ("image.toml", ("section", "kind", "extensions"), ["leak"], "kind"),
    ("image.toml", ("section", "weight", "required"), False, "extensions"),
    ("image.toml", ("section", "weight", "dtype"), "int64", "weight"),
    ("image.toml", ("section", "weight", "dtype"), "float32", "section.weight.dtype = 'float32'"),
    ("image.toml", ("section", "weight"), DELETE, "weight"),
    ("image.toml", ("section", "weight", "shape"), "n_synapses", "section.weight.shape"),
    ("image.toml", ("header", "latency"), DELETE, "latency"),
    ("image.toml", ("header", "latency", "field"), "delay_total", "delay_total"),
    ("image.toml", ("header", "latency", "required"), 1, "header.latency.required = 1"),
    ("image.toml", ("layer", "kind"), DELETE, "kind"),
    ("image.toml", ("container", 0, "size"), 3, "container.0.size"),
    ("stream.toml", ("field", "slot"), DELETE, "slot"),
    ("stream.toml", ("field", "slot", "minimum"), "1", "field.slot.minimum = '1'"),
    ("stream.toml", ("rule",), DELETE, "rule is missing"),
    ("stream.toml", ("rule", "lane", "expression"), DELETE, "rule.lane.expression is missing"),
    ("spike_formats.toml", ("field", "port"), DELETE, "port"),
    ("spike_formats.toml", ("format", "csv", "holds"), ["cycle", "neuron"], "format.csv.holds: 'neuron'"),
    ("spike_formats.toml", ("format", "csv", "suffix"), ".npz", "suffix occurs twice"),
    ("spike_formats.toml", ("format", "csv", "speed"), "high", "format.csv.speed"),
]
CHECKS = {"image.toml": check_image_table, "stream.toml": check_stream_table, "spike_formats.toml": check_spike_table}


@pytest.mark.error
@pytest.mark.parametrize(("name", "path", "value", "words"), FORMAT_CORRUPTIONS)
def test_corrupt_format_table_is_refused(name, path, value, words):
    with pytest.raises(SpecError) as caught:
        CHECKS[name](corrupted(name, path, value), name)
    assert words in str(caught.value)
    assert name in str(caught.value)


def test_format_tables_load():
    tables = format_tables()
    assert tables.image["format"] == "neuroproc-image"
    assert set(tables.spikes["format"]) == {"csv", "raster", "npz"}


@pytest.mark.error
def test_files_that_are_missing_or_no_toml_are_refused(tmp_path):
    with pytest.raises(SpecError, match=r"gone\.toml: cannot be read"):
        load_toml(tmp_path / "gone.toml")
    (tmp_path / "bad.toml").write_text("a = = 1")
    with pytest.raises(SpecError, match=r"bad\.toml: is not TOML"):
        load_toml(tmp_path / "bad.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match=r"bytes\.toml: is not TOML"):
        load_toml(tmp_path / "bytes.toml")
    for name, content in (("long", "a = " + "9" * 5000), ("deep", "a = " + "[" * 100_000)):
        (tmp_path / f"{name}.toml").write_text(content)
        with pytest.raises(SpecError, match=rf"{name}\.toml: is not TOML: (Exceeds the limit|maximum recursion)"):
            load_toml(tmp_path / f"{name}.toml")


@pytest.mark.error
@pytest.mark.parametrize(
    ("value", "rule", "words"),
    [
        (True, Key("integer"), "t: a = True, allowed: integer"),
        (1, Key("boolean"), "t: a = 1, allowed: boolean"),
        (1.0, Key("integer"), "t: a = 1.0, allowed: integer"),
        ("z", Key("text", choices=("x", "y")), "t: a = 'z', allowed: x, y"),
        (4, Key("integer", minimum=5), "t: a = 4, allowed: 5 and above"),
        (6, Key("integer", maximum=5), "t: a = 6, allowed: 5 and below"),
        ([1, "2"], Key("list", items=Key("integer")), "t: a.1 = '2', allowed: integer"),
    ],
)
def test_wrong_values_are_named(value, rule, words):
    with pytest.raises(SpecError) as caught:
        check_value(value, rule, "t: a")
    assert words in str(caught.value)


def test_optional_keys_may_be_missing():
    check_table({"a": 1}, {"a": Key("integer"), "b": Key("text", required=False)}, "t")
