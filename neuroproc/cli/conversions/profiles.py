"""Processors: profiles, and RISP's parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from isa_spec.errors import FormatError
from isa_spec.files import read_bytes
from isa_spec.profile_writer import profile_text
from isa_spec.spec import load_profile
from neuroproc.cli.conversions.job import Job
from neuroproc.tennlab.network import load_json
from neuroproc.tennlab.numbers import common_unit
from neuroproc.tennlab.parameters import check_params, params_to_spec, spec_to_params
from neuroproc.tennlab.text import indented

HOST = ("inputs_from_weights", "run_time_inclusive", "spike_value_factor", "weights")
"""Parameters of RISP that say nothing about the chip."""


def profile_to_parameters(job: Job) -> Sequence[str]:
    """A profile as RISP's parameters."""
    spec = load_profile(Path(job.path()))
    for limit in ("max_delay", "potential_floor"):
        if getattr(spec, limit) is None:
            raise FormatError(
                f"{job.source}: {limit} of profile {spec.name} is unlimited, and RISP has a limit; give one"
            )
    given = spec_to_params(spec, 1, 0)
    job.put(indented(given).encode())
    other = params_to_spec(check_params(given, job.target))
    names = [field.name for field in fields(spec) if getattr(spec, field.name) != getattr(other, field.name)]
    left = [name for name in names if name not in ("name", "description")]
    return [f"RISP's parameters have no place for {', '.join(left)}"] if left else []


def parameters_to_profile(job: Job) -> Sequence[str]:
    """RISP's parameters as a profile."""
    given = load_json(read_bytes(job.path()).decode("utf-8-sig"), job.source)
    params = check_params(given, job.source)
    unit = common_unit({*params.limits.values(), *params.weights})
    spec = replace(params_to_spec(params, unit), name=Path(job.target).stem or "risp")
    job.put(profile_text(spec).encode())
    notes = [] if unit == 1 else [f"a potential unit is {unit} of the file's numbers"]
    above = [] if params.threshold_inclusive else ["thresholds are one higher: here reaching one is enough"]
    host = [key for key in HOST if key in given]
    return [*notes, *above, *([f"{', '.join(host)} belong to the host and are left out"] if host else [])]
