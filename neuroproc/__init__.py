"""Compile layered 0/1 networks to small spiking graphs and emulate them exactly; all that a user needs is here.

What pulls in the compiler or numba is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from neuroproc.version import VERSION as __version__

if TYPE_CHECKING:
    from compiler.costing.cost import Cost, cost_of
    from compiler.costing.search import Bounds, best_option, explore, pareto_front
    from compiler.emit import compile_network
    from compiler.frontends.imported import Assumptions
    from compiler.frontends.importing import import_network
    from compiler.frontends.nir.writer import write_nir
    from compiler.learning.binary_conversion import BinaryConversion
    from compiler.learning.conversion import Conversion
    from compiler.learning.course import Course
    from compiler.learning.data import Examples
    from compiler.learning.train import (
        train_binary,
        train_rate,
        train_single_spike,
        train_straight_through,
        train_whetstone,
    )
    from compiler.networks.dead import find_dead, remove_dead
    from compiler.networks.evaluate import evaluate
    from compiler.networks.layers import Add, Concat, Conv2d, Dense, Flatten, Pool2d
    from compiler.networks.network import LayeredNetwork
    from compiler.networks.network_file import load_network
    from compiler.networks.network_writer import save_network
    from compiler.plan import FoldPlan, legal_unrolls
    from compiler.schedule import fill_channels, make_schedule
    from compiler.views.dot import image_dot, network_dot
    from compiler.views.graphs import to_graphml, to_networkx
    from isa_spec.building import build_image
    from isa_spec.errors import (
        EmulationError,
        FormatError,
        NetworkError,
        NeuroprocError,
        ResourceError,
        ScheduleError,
        SpecError,
    )
    from isa_spec.image import Port, ProcessorImage
    from isa_spec.spec import ProcessorSpec, load_profile, profile_names
    from isa_spec.spikes import SpikeEvents
    from isa_spec.stream import StreamContract
    from isa_spec.wiring import wire_image
    from neuroproc.classifying.classification import classify
    from neuroproc.classifying.early_exit import classify_by_margin
    from neuroproc.classifying.host import encode_frames
    from neuroproc.classifying.shards import classify_shards
    from neuroproc.cli.demo import demo
    from neuroproc.cli.explore import plot_pareto
    from neuroproc.cli.plotting.layers import plot_layers
    from neuroproc.cli.verify import verify
    from neuroproc.explaining.difference import diff
    from neuroproc.explaining.explanation import explain
    from neuroproc.formats.binning import bin_events, events_to_frames
    from neuroproc.formats.events import read_all_events, read_events
    from neuroproc.formats.frames import read_frames, read_labels
    from neuroproc.formats.images import load_image, save_image
    from neuroproc.formats.recording_reader import read_recording
    from neuroproc.formats.runs import read_run
    from neuroproc.formats.spikes import read_spikes, write_spikes
    from neuroproc.measuring.activity import activity_by_layer
    from neuroproc.measuring.benchmark import neurobench
    from neuroproc.measuring.cost_table import bill_of, load_cost_table, work_of
    from neuroproc.measuring.measures import count
    from neuroproc.pictures.activity import plot_activity
    from neuroproc.pictures.potentials import plot_potentials, trace_of
    from neuroproc.pictures.raster import plot_raster, raster_of
    from neuroproc.pictures.spacetime import plot_spacetime
    from neuroproc.probe import PotentialProbe, SpikeProbe
    from neuroproc.processor import Processor
    from neuroproc.report.page import write_report
    from neuroproc.tennlab.image import read_tennlab
    from neuroproc.tennlab.writer import write_tennlab

_HOME = {
    "Add": "compiler.networks.layers",
    "Assumptions": "compiler.frontends.imported",
    "BinaryConversion": "compiler.learning.binary_conversion",
    "Bounds": "compiler.costing.search",
    "Concat": "compiler.networks.layers",
    "Conv2d": "compiler.networks.layers",
    "Conversion": "compiler.learning.conversion",
    "Cost": "compiler.costing.cost",
    "Course": "compiler.learning.course",
    "Dense": "compiler.networks.layers",
    "EmulationError": "isa_spec.errors",
    "Examples": "compiler.learning.data",
    "Flatten": "compiler.networks.layers",
    "FoldPlan": "compiler.plan",
    "FormatError": "isa_spec.errors",
    "LayeredNetwork": "compiler.networks.network",
    "NetworkError": "isa_spec.errors",
    "NeuroprocError": "isa_spec.errors",
    "Pool2d": "compiler.networks.layers",
    "Port": "isa_spec.image",
    "PotentialProbe": "neuroproc.probe",
    "Processor": "neuroproc.processor",
    "ProcessorImage": "isa_spec.image",
    "ProcessorSpec": "isa_spec.spec",
    "ResourceError": "isa_spec.errors",
    "ScheduleError": "isa_spec.errors",
    "SpecError": "isa_spec.errors",
    "SpikeEvents": "isa_spec.spikes",
    "SpikeProbe": "neuroproc.probe",
    "StreamContract": "isa_spec.stream",
    "activity_by_layer": "neuroproc.measuring.activity",
    "best_option": "compiler.costing.search",
    "bill_of": "neuroproc.measuring.cost_table",
    "bin_events": "neuroproc.formats.binning",
    "build_image": "isa_spec.building",
    "classify": "neuroproc.classifying.classification",
    "classify_by_margin": "neuroproc.classifying.early_exit",
    "classify_shards": "neuroproc.classifying.shards",
    "compile_network": "compiler.emit",
    "cost_of": "compiler.costing.cost",
    "count": "neuroproc.measuring.measures",
    "demo": "neuroproc.cli.demo",
    "diff": "neuroproc.explaining.difference",
    "encode_frames": "neuroproc.classifying.host",
    "evaluate": "compiler.networks.evaluate",
    "events_to_frames": "neuroproc.formats.binning",
    "explain": "neuroproc.explaining.explanation",
    "explore": "compiler.costing.search",
    "fill_channels": "compiler.schedule",
    "find_dead": "compiler.networks.dead",
    "image_dot": "compiler.views.dot",
    "import_network": "compiler.frontends.importing",
    "legal_unrolls": "compiler.plan",
    "load_cost_table": "neuroproc.measuring.cost_table",
    "load_image": "neuroproc.formats.images",
    "load_network": "compiler.networks.network_file",
    "load_profile": "isa_spec.spec",
    "make_schedule": "compiler.schedule",
    "network_dot": "compiler.views.dot",
    "neurobench": "neuroproc.measuring.benchmark",
    "pareto_front": "compiler.costing.search",
    "plot_activity": "neuroproc.pictures.activity",
    "plot_layers": "neuroproc.cli.plotting.layers",
    "plot_pareto": "neuroproc.cli.explore",
    "plot_potentials": "neuroproc.pictures.potentials",
    "plot_raster": "neuroproc.pictures.raster",
    "plot_spacetime": "neuroproc.pictures.spacetime",
    "profile_names": "isa_spec.spec",
    "raster_of": "neuroproc.pictures.raster",
    "read_all_events": "neuroproc.formats.events",
    "read_events": "neuroproc.formats.events",
    "read_frames": "neuroproc.formats.frames",
    "read_labels": "neuroproc.formats.frames",
    "read_recording": "neuroproc.formats.recording_reader",
    "read_run": "neuroproc.formats.runs",
    "read_spikes": "neuroproc.formats.spikes",
    "read_tennlab": "neuroproc.tennlab.image",
    "remove_dead": "compiler.networks.dead",
    "save_image": "neuroproc.formats.images",
    "save_network": "compiler.networks.network_writer",
    "to_graphml": "compiler.views.graphs",
    "to_networkx": "compiler.views.graphs",
    "trace_of": "neuroproc.pictures.potentials",
    "train_binary": "compiler.learning.train",
    "train_rate": "compiler.learning.train",
    "train_single_spike": "compiler.learning.train",
    "train_straight_through": "compiler.learning.train",
    "train_whetstone": "compiler.learning.train",
    "verify": "neuroproc.cli.verify",
    "wire_image": "isa_spec.wiring",
    "work_of": "neuroproc.measuring.cost_table",
    "write_nir": "compiler.frontends.nir.writer",
    "write_report": "neuroproc.report.page",
    "write_spikes": "neuroproc.formats.spikes",
    "write_tennlab": "neuroproc.tennlab.writer",
}

__all__ = [
    "Add",
    "Assumptions",
    "BinaryConversion",
    "Bounds",
    "Concat",
    "Conv2d",
    "Conversion",
    "Cost",
    "Course",
    "Dense",
    "EmulationError",
    "Examples",
    "Flatten",
    "FoldPlan",
    "FormatError",
    "LayeredNetwork",
    "NetworkError",
    "NeuroprocError",
    "Pool2d",
    "Port",
    "PotentialProbe",
    "Processor",
    "ProcessorImage",
    "ProcessorSpec",
    "ResourceError",
    "ScheduleError",
    "SpecError",
    "SpikeEvents",
    "SpikeProbe",
    "StreamContract",
    "__version__",
    "activity_by_layer",
    "best_option",
    "bill_of",
    "bin_events",
    "build_image",
    "classify",
    "classify_by_margin",
    "classify_shards",
    "compile_network",
    "cost_of",
    "count",
    "demo",
    "diff",
    "encode_frames",
    "evaluate",
    "events_to_frames",
    "explain",
    "explore",
    "fill_channels",
    "find_dead",
    "image_dot",
    "import_network",
    "legal_unrolls",
    "load_cost_table",
    "load_image",
    "load_network",
    "load_profile",
    "make_schedule",
    "network_dot",
    "neurobench",
    "pareto_front",
    "plot_activity",
    "plot_layers",
    "plot_pareto",
    "plot_potentials",
    "plot_raster",
    "plot_spacetime",
    "profile_names",
    "raster_of",
    "read_all_events",
    "read_events",
    "read_frames",
    "read_labels",
    "read_recording",
    "read_run",
    "read_spikes",
    "read_tennlab",
    "remove_dead",
    "save_image",
    "save_network",
    "to_graphml",
    "to_networkx",
    "trace_of",
    "train_binary",
    "train_rate",
    "train_single_spike",
    "train_straight_through",
    "train_whetstone",
    "verify",
    "wire_image",
    "work_of",
    "write_nir",
    "write_report",
    "write_spikes",
    "write_tennlab",
]


if not TYPE_CHECKING:  # a checker of types would take any name for good

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'neuroproc' has no attribute '{name}'")
        return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
