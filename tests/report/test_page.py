"""The page without a browser: well-formed, alone in the world, escaped, with the figures of `count`, the same bytes."""

from __future__ import annotations

import dataclasses
import io
import re

import numpy as np
import pytest
from cli_helpers import ROOT
from report_helpers import OUTSIDE, Page, page_of, tiny_frames, tiny_image
from tennlab_helpers import small_network, write_network

import neuroproc
from isa_spec.image import graph_digest
from isa_spec.potentials import signed_bits
from neuroproc.cli.compile import bits_note
from neuroproc.formats.runs import Run, run_of
from neuroproc.measuring.measures import layers_of_units
from neuroproc.measuring.quantities import quantity
from neuroproc.pictures.timetable import shown_until, timetable
from neuroproc.pictures.traces import telling_trace
from neuroproc.report.html import Html, element, joined
from neuroproc.report.limits import limits_of
from neuroproc.report.page import report_page
from neuroproc.report.style import PAPER, SHADES, mixed
from neuroproc.report.words import beside, kind_words

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=http://example.org/x onerror=alert(1)>',
    "a' onmouseover='alert(1)",
    "</title></style><style>@import url(http://example.org)",
    "&lt;b&amp;",
    "long" * 200,
    "\u202eright to left \u05e9\u05dc\u05d5\u05dd",
    "emoji \U0001f9e0\U0001f525",
    "nul\0 bell\x07 lone \ud800 last",
    "",
)
UNSAYABLE = re.compile("[\0\x07\ud800]")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Images of every kind, by name."""
    digits = neuroproc.load_network(ROOT / "neuroproc" / "data" / "digits.json")
    rate = neuroproc.load_network(ROOT / "examples" / "rate" / "rate8.json")
    np8, np16 = neuroproc.load_profile("np8"), neuroproc.load_profile("np16")
    nodes = tmp_path_factory.mktemp("tennlab") / "net.json"
    write_network(nodes, small_network())
    return {
        "tiny": tiny_image(),
        "gated": tiny_image((2, 1), gate=True),
        "whole": tiny_image((4, 6)),
        "digits": neuroproc.compile_network(digits, np8, neuroproc.FoldPlan((1, 1))),
        "turns": neuroproc.compile_network(digits, np8, neuroproc.FoldPlan((1, 1), channels={"fc1": 16, "fc2": 8})),
        "rate": neuroproc.compile_network(rate, np16, neuroproc.FoldPlan((28, 4))),
        "tennlab": neuroproc.read_tennlab(nodes),
    }


@pytest.fixture(scope="module")
def result():
    frames, labels = tiny_frames()
    return neuroproc.classify(tiny_image(), frames, labels, engine="reference", threads=1)


def check_alone(page):
    """Nothing of the page leads out of it, and nothing runs."""
    assert not {tag for tag, _ in page.elements} & {"script", "iframe", "object", "embed", "img", "a", "base", "form"}
    for _, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in OUTSIDE or value == "data:,", (name, value)
    assert not re.search(r"@import|url\(|http", page.style)
    (policy,) = [a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize("name", ["tiny", "gated", "whole", "digits", "turns", "rate", "tennlab"])
def test_every_kind_of_image_gives_a_page_that_needs_nothing_else(images, name):
    text = report_page(images[name], name)
    page = Page(text)
    check_alone(page)
    assert re.findall(r"\bnan\b|\binf\b|None|object at", page.text) == []
    assert page.headings[0] == (1, name)
    assert all(now <= before + 1 for (before, _), (now, _) in zip(page.headings, page.headings[1:], strict=False))
    assert [title for level, title in page.headings if level == 2][-2:] == ["The processor", "Provenance"]
    assert all(table.caption and all(table.rows[0]) for table in page.tables)
    drawn = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert all((a.get("aria-hidden") == "true") != (a.get("role") == "img") for a in drawn)
    # One for each drawing, and that of the page.
    assert text.count("<title>") == sum(a.get("role") == "img" for a in drawn) + 1
    assert f"image {graph_digest(images[name])[:19]}..." in page.text


def test_figures_are_those_of_count():
    image = tiny_image()
    page, measures = page_of(image), neuroproc.count(image)
    sizes = page.table("Sizes by layer")
    keys = ("parameters", "unrolled_neurons", "unrolled_synapses", "neurons", "synapses")
    for layer in (*measures["layers"], {**measures, "name": "All layers"}):
        assert sizes.row(layer["name"])[2:] == [f"{layer[key]:,}" for key in keys]
    roles = page.table("Neurons by layer and role")
    for layer in measures["layers"]:
        if layer["neurons"]:
            counts = dict(zip(roles.rows[0][1:], roles.row(layer["name"]), strict=True))
            assert {role: int(n) for role, n in counts.items() if n and role != "All"} == layer["roles"]
    assert [row[1] for row in page.table("Neurons", whole=True).rows[1:]] == [
        f"{measures[key]:,}" for key in ("unrolled_neurons", "neurons")
    ]
    assert [row[1] for row in page.table("Synapses", whole=True).rows[1:]] == [
        f"{measures[key]:,}" for key in ("parameters", "unrolled_synapses", "synapses")
    ]
    times = page.table("Frame 0")
    for record in image.layers:
        if record.contract is not None and record.kind != "flatten":
            assert times.row(record.name)[:2] == [f"{record.contract.start:,}", f"{record.contract.last_cycle:,}"]
    assert f"every {image.interval:,} cycles" in page.text
    assert f"{image.latency:,} cycles after" in page.text
    assert image.source_digest in page.text
    assert image.spec.digest in page.text


def test_limits_are_those_that_the_image_uses():
    image = tiny_image()
    found = {limit.name: limit for limit in limits_of(image)}
    weights = found["Weights of synapses"]
    assert (weights.lowest, weights.highest) == (image.weight.min(), image.weight.max())
    assert weights.share == max(image.weight.min() / -128, image.weight.max() / 127)
    assert found["Thresholds"].share == image.threshold.max() / 255
    assert (found["Longest delay"].highest, found["Longest delay"].allowed_highest) == (image.max_delay, 255)
    assert found["Largest fan-in"].highest == max(image.target.tolist().count(n) for n in range(image.n_neurons))
    assert found["Largest fan-out"].highest == max(image.source().tolist().count(n) for n in range(image.n_neurons))
    assert found["Potential of any neuron"].highest == neuroproc.count(image)["potential_bits"]
    assert found["Neurons"].share is None
    table = page_of(image).table("What the image uses of profile np8")
    assert table.row("Neurons")[:3] == [f"{image.n_neurons}", "no limit", ""]
    assert table.row("Longest delay")[:2] == [f"{image.max_delay} cycles", "255"]
    units = bits_note(image).split()[4]
    layers = layers_of_units(neuroproc.count(image))
    assert int(units) == max(signed_bits(*layer["potential_range"]) for layer in layers)
    assert f"the units of the network's layers alone need {units} bits." in page_of(image).text


def test_a_run_tells_accuracy_confusion_and_activity(result):
    image = tiny_image()
    page = page_of(image, run_of(image, result))
    assert f"{result.correct} of 12 frames are right: {result.accuracy:.2%}." in page.text
    confusion = page.table("Frames by label")
    for label, row in enumerate(result.confusion().tolist()):
        assert confusion.row(str(label))[:-1] == list(map(str, row))
    spikes = page.table("Spikes by layer")
    for layer in neuroproc.activity_by_layer(image, result.spike_count, result.cycles, 12):
        if layer.neurons:
            cells = spikes.row(layer.name)
            assert cells[:2] == [f"{layer.neurons}", f"{layer.spikes / 12:,.1f}"]
            assert cells[4] == f"{len(layer.silent)}"
    assert f"{result.synaptic_operations / 12:,.1f} synaptic operations" in page.text
    # No window reaches the threshold of the convolution's last channel, and the pool repeats it.
    stand_out = page.table("Neurons that stand out")
    assert stand_out.row("conv")[0] == "channel 2"
    assert stand_out.row("pool")[0] == "channel 2"


def test_metrics_and_bill_are_those_of_classify(result):
    image = tiny_image()
    metrics = page_of(image, run_of(image, result)).table("NeuroBench's metrics")
    found = neuroproc.neurobench(image, result)
    assert metrics.row("Footprint")[0] == f"{found['Footprint']:,} bytes"
    for name in ("ConnectionSparsity", "ActivationSparsity", "ClassificationAccuracy"):
        assert metrics.row(name)[0] == f"{found[name]:.4f}"
    for name, value in found["SynapticOperations"].items():
        assert metrics.row(f"SynapticOperations: {name}")[0].removesuffix(".0") == f"{value:,.1f}".removesuffix(".0")
    prices = neuroproc.load_cost_table(ROOT / "examples" / "cost_tables" / "loihi.toml")
    page = Page(report_page(image, "tiny", run_of(image, result), prices))
    bill = neuroproc.bill_of(prices, neuroproc.work_of(image, result))
    lines = page.table("The bill")
    for charge in bill.charges:
        cells = lines.row(charge.operation.replace("_", " "))
        assert cells == [f"{charge.count / 12:,.1f}", quantity(charge.price, "J"), quantity(charge.joules / 12, "J")]
    assert lines.row("All")[-1] == quantity(bill.joules / 12, "J")
    assert f"Prices: {prices.name}. Source: {prices.source}." in page.text
    assert f"a frame takes {quantity(bill.seconds / 12, 's')}" in page.text
    assert "Without a price: cycle." in page.text
    assert " J" not in page_of(image, run_of(image, result)).text


def test_many_classes_are_told_by_their_mistakes(result):
    image, rng = tiny_image(), np.random.default_rng(1)
    counts = np.diag(rng.integers(50, 99, 40))
    counts[3, 7], counts[9, 1], counts[8, 8] = 20, 10, 0
    run = dataclasses.replace(
        run_of(image, result), confusion=counts, correct=int(counts.trace()), frames=int(counts.sum())
    )
    rows = page_of(image, run).table("The most frequent mistakes among 40 classes").rows[1:]
    assert rows == [
        ["3", "7", "20", f"{20 / counts[3].sum():.1%}"],
        ["9", "1", "10", f"{10 / counts[9].sum():.1%}"],
    ]
    none = dataclasses.replace(run, confusion=np.eye(40, dtype=int), correct=40, frames=40)
    assert "No frame is wrong." in page_of(image, none).text


def test_bands_show_every_place_and_what_it_is_computed_from(images):
    image = images["digits"]
    page = page_of(image)
    drawn = [attributes for tag, attributes in page.elements if tag in ("rect", "line")]
    table = timetable(image)
    traced = telling_trace(image, table)
    band = table.bands[traced.band]
    assert f"Outlined are row {traced.row}, column {traced.column} of {band.name}" in page.text
    first = [a for a in drawn if a.get("fill") and a.get("class") is None]
    assert len(first) == sum(one.height * one.width for one in table.bands if one.height * one.width > 1)
    until = shown_until(table)
    begins = sorted({round(float(a["x"].removesuffix("%")) * until / 100, 1) for a in first})
    assert begins[:3] == [1.0, 3.0, 5.0]
    assert any(a.get("class") == "trace" for a in drawn)
    assert all(0 <= float(a[key].removesuffix("%")) <= 100 for a in drawn for key in ("x", "x1", "x2") if key in a)


def test_without_labels_there_is_no_accuracy():
    image = tiny_image()
    found = neuroproc.classify(image, tiny_frames()[0], engine="reference", threads=1)
    titles = [title for _, title in page_of(image, run_of(image, found)).headings]
    assert "Activity" in titles
    assert "Answers" not in titles


@pytest.mark.parametrize(
    ("unroll", "layer", "channels", "named"),
    [
        ((4, 2), "conv", {}, "channels in part: 0 (1 of 8)"),
        ((1, 1), "conv", {}, "channel 0"),
        ((1, 1), "dense", {"dense": 2}, "2 channels: 0\N{EN DASH}1"),
        ((1, 1), "dense", {"dense": 4}, "all 4 channels"),
    ],
)
def test_silent_channels_are_named(unroll, layer, channels, named):
    """Held against a look at every value: where channels take turns, a silent neuron silences several."""
    image = tiny_image(unroll, channels=channels)
    record = next(record for record in image.layers if record.name == layer)
    counts = np.ones(image.n_neurons, np.int64)
    counts[record.first_neuron] = 0
    found = page_of(image, Run(counts, 0, cycles=1000, frames=1)).table("Neurons that stand out").row(layer)[0]
    fired = counts[record.first_neuron + record.contract.lanes()]
    silent = [channel for channel, values in enumerate(fired) if not values.any()]
    assert found == named
    assert silent == list(range(max(channels.values(), default=1 if "part" not in named else 0)))


def test_many_silent_channels_are_summarised(images):
    image = images["digits"]
    counts = np.ones(image.n_neurons, np.int64)
    fc1 = next(record for record in image.layers if record.name == "fc1")
    counts[fc1.first_neuron : fc1.first_neuron + 64 : 2] = 0
    found = page_of(image, Run(counts, 0, cycles=1000, frames=1)).table("Neurons that stand out").row("fc1")[0]
    assert found == "32 channels: 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22 and 20 more"


def test_saturated_channels_are_told_where_counts_tell():
    """Channels that always or never fire; without gates, counts hold spikes that nobody reads, too."""
    for gate, told in ((True, "channel 0"), (False, "")):
        image = tiny_image((1, 1), gate=gate, always=True)
        found = neuroproc.classify(image, tiny_frames()[0], engine="reference", threads=1)
        page = page_of(image, run_of(image, found))
        assert page.table("Neurons that stand out").row("conv")[1] == told
        assert page.table("Spikes by layer").row("conv")[-1] == ("1" if gate else "not told")
        assert ("Counts do not tell who is saturated" in page.text) == (not gate)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_whatever_they_say(result, name):
    image = tiny_image()
    run = run_of(image, result)
    layers = tuple(
        dataclasses.replace(record, name=name, kind=name if record.kind == "dense" else record.kind)
        for record in image.layers
    )
    origin = {"format": name, "labels": [[name, "approximate", name]], "assumptions": {"notes": [name]}}
    spec = dataclasses.replace(image.spec, name=name.strip() or "x", description=name)
    hostile = dataclasses.replace(image, layers=layers, options={"origin": origin}, spec=spec, source_digest=name)
    told = dataclasses.replace(run, frames_file=name, labels_file=name, engine=name)
    text = report_page(hostile, name, told, command=name)
    page = Page(text)
    check_alone(page)
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in page_of(image, run).elements} | {"h3"}
    shown = UNSAYABLE.sub("\ufffd", name)
    short = (shown or "(no name)") if len(shown) <= 64 else f"{shown[:44]}...{shown[-20:]}"
    assert page.headings[0] == (1, shown)
    assert page.table("How faithful").rows[1] == [short, "approximate", shown]
    assert {row[0] for row in page.table("Sizes by layer").rows[2:-1]} == {short}
    if short != (shown or "(no name)"):
        assert shown in {attributes.get("title") for _, attributes in page.elements}
    neuroproc.write_report(io.BytesIO(), hostile, told, name=name)


@pytest.mark.parametrize(
    "origin", ["text", [1], {"labels": 3, "assumptions": []}, {"labels": [[1, 2], ["a", "exact", ""]]}, {}, None]
)
def test_options_may_be_anything_that_json_holds(origin):
    options = {"origin": origin, "x": {"deep": [{"er": None}]}, "unroll": 3, "tennlab": [2]}
    page = page_of(dataclasses.replace(tiny_image(), options=options))
    assert 'unroll 3; x {"deep": [{"er": null}]}' in page.text


def test_the_same_gives_the_same_bytes(result, tmp_path):
    image = tiny_image()
    written = io.BytesIO()
    neuroproc.write_report(written, image, result, name="tiny")
    neuroproc.write_report(tmp_path / "page.html", image, run_of(image, result), name="tiny")
    assert (tmp_path / "page.html").read_bytes() == written.getvalue()
    neuroproc.save_image(tmp_path / "image.npi", image)
    again = neuroproc.load_image(tmp_path / "image.npi")
    assert report_page(again, "tiny", run_of(image, result)) == written.getvalue().decode()


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_can_be_read_on_every_shade(mode):
    """As WCAG 2 counts contrast: 4.5 for text."""
    style = page_of(tiny_image()).style
    found: dict[str, list[str]] = {}
    for name, colour in re.findall(r"--([\w-]+): (#\w{6});", style):
        found.setdefault(name, []).append(colour)
    colours = {name: values[0 if mode == "light" else -1] for name, values in found.items()}
    assert {len(found[name]) for name in ("ink", "quiet", "tint", "paper", "right0")} == {2}
    assert colours["paper"] == PAPER[mode]
    for ground in ("paper", "tint"):
        assert contrast(colours["ink"], colours[ground]) >= 7
        assert contrast(colours["quiet"], colours[ground]) >= 4.5
    shades = [colours[f"{word}{number}"] for word in ("right", "wrong") for number in range(len(SHADES))]
    assert min(contrast(colours["ink"], shade) for shade in shades) >= 4.5
    assert mixed("#ffffff", "#000000", 0.5) == "#808080"


@pytest.mark.parametrize(
    ("folded", "unrolled", "words"),
    [
        (157, 1128, ("7.2 times fewer", "than")),
        (10, 99_999, ("10,000 times fewer", "than")),
        (1129, 1128, ("slightly more", "than")),
        (1127, 1128, ("slightly fewer", "than")),
        (150, 100, ("1.5 times as many", "as")),
        (7, 7, ("as many", "as")),
        (7, 0, ("", "")),
    ],
)
def test_sizes_are_compared_in_words(folded, unrolled, words):
    assert beside(folded, unrolled) == words


def test_encoding_and_decoding_are_told_in_words():
    """A key is of classes and of units that speak for them together, many of them for none alone."""
    told = page_of(tiny_image()).text
    assert "Encodingbinary, threshold 8" in told
    assert "Decodingargmax, classes 4" in told
    key = np.eye(2, dtype=int).repeat(3, axis=1).tolist()
    image = dataclasses.replace(
        tiny_image(), encoding={"kind": "thermometer", "thresholds": [1, 5]}, decode={"kind": "n-hot", "key": key}
    )
    told = page_of(image).text
    assert "Encodingthermometer, thresholds 1, 5" in told
    assert "Decodingn-hot key: 2 classes, spoken for by 6 units together" in told
    assert kind_words({}) == "none"


def test_only_markup_is_markup():
    assert element("p", "a < b", Html("<br>"), None, class_='"').markup == '<p class="&quot;">a &lt; b<br></p>'
    assert joined("<", element("svg", aria_hidden="true", role=None)).markup == '&lt;<svg aria-hidden="true"></svg>'


def test_shades_tell_few_mistakes_from_more(result):
    """One, fifteen and sixty of about a thousand have shades of their own, the darker, the more."""
    image = tiny_image()
    counts = np.array([[904, 1, 15, 60], [0, 980, 0, 0], [0, 0, 980, 0], [0, 0, 0, 980]])
    run = dataclasses.replace(
        run_of(image, result), confusion=counts, correct=int(counts.trace()), frames=int(counts.sum())
    )
    page = page_of(image, run)
    found = [a["class"].split()[1] for _, a in page.elements if re.search("right|wrong", a.get("class") or "")]
    assert found == ["right3", "wrong0", "wrong1", "wrong3", "right4", "right4", "right4"]
