"""`neuroproc convert` of networks of other programs: known by content, and open about what they lose."""

import numpy as np
import pytest
from cli_helpers import call, refused
from convert_helpers import lost

import neuroproc
from compiler.frontends.imported import Assumptions
from compiler.frontends.importing import import_network
from neuroproc.cli.kinds import DUMP, NIR, ONNX, kind_of

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")


def write_onnx(path, weight):
    """One fully connected layer and a step."""
    from onnx_helpers import Writer

    writer = Writer(17)
    drive = writer.node("Gemm", ["x", writer.constant(weight), writer.constant([-0.3, -0.7])])
    step = writer.node("Cast", [writer.node("Greater", [drive, writer.constant(0)])], to=1)
    onnx.save(writer.model([1, 3], step), path)
    return path


EXACT = [[1, -2.5], [0.5, 3], [1, 1]]
ROUNDED = [[0.1234567, -2.5], [0.7654321, 3], [0.9, 1]]
ENCODING = ("--encoding", "binary")


def test_onnx_to_the_projects_own_format(tmp_path, capsys):
    source = write_onnx(tmp_path / "model.onnx", EXACT)
    assert kind_of(source) == ONNX
    result = call(capsys, "convert", source, tmp_path / "net.json", *ENCODING)
    assert (result.status, result.out) == (0, "")
    assert result.err.startswith(f"neuroproc: {source}: from ONNX (model.onnx): all 2 layers exact\n")
    network = neuroproc.load_network(tmp_path / "net.json")
    imported = import_network(source, Assumptions(encoding={"kind": "binary"})).network
    assert network.digest == imported.digest
    assert network.origin == imported.origin


def test_what_is_rounded_is_asked_for_and_said(tmp_path, capsys):
    source = write_onnx(tmp_path / "model.onnx", ROUNDED)
    target = tmp_path / "net.json"
    refused(call(capsys, "convert", source, target, *ENCODING), "n0_Gemm", "--allow")
    assert not target.exists()
    result = call(capsys, "convert", source, target, *ENCODING, "--allow", "n0_Gemm")
    assert (result.status, result.out) == (0, "")
    assert result.err.startswith(f"neuroproc: {source}: from ONNX (model.onnx): layer 'n0_Gemm' is approximate: ")


def test_onnx_to_a_drawing(tmp_path, capsys):
    source = write_onnx(tmp_path / "model.onnx", EXACT)
    result = call(capsys, "convert", source, "-", "--to", "dot", *ENCODING)
    assert result.status == 0
    assert "n0_Gemm" in result.out
    assert "lost: weights" in result.err


def test_a_weight_dump_is_no_file_of_frames(tmp_path, capsys):
    from weights_helpers import random_dump

    random_dump(np.random.default_rng(3), tmp_path / "dump.npz")
    assert kind_of(tmp_path / "dump.npz") == DUMP
    target = tmp_path / "frames.npy"
    refused(call(capsys, "convert", tmp_path / "dump.npz", target), "dump.npz (weight dump) cannot become '.npy'")


def test_a_network_to_nir_and_back(case, capsys):
    pytest.importorskip("nir", reason="needs the extra nir")
    target = case.folder / "net.nir"
    words = "lost: encoding, decoding, reset and floor are metadata that only neuroproc reads"
    lost(call(capsys, "convert", case.network, target), words)
    assert kind_of(target) == NIR
    result = call(capsys, "convert", target, case.folder / "back.json")
    assert (result.status, result.out) == (0, "")
    assert "layers exact" in result.err
    back, network = neuroproc.load_network(case.folder / "back.json"), neuroproc.load_network(case.network)
    assert back.digest == network.digest
    words = "<stdout>: NIR is HDF5, which is no stream; give a name"
    refused(call(capsys, "convert", case.network, "-", "--to", "nir"), words)


@pytest.mark.error
def test_a_foreign_file_under_another_name(tmp_path, capsys):
    source = write_onnx(tmp_path / "model.dat", EXACT)
    words = "model.dat (ONNX network) is read under a name that ends in .onnx; rename it"
    refused(call(capsys, "convert", source, tmp_path / "net.json", *ENCODING), words)


@pytest.mark.error
def test_options_of_imports_elsewhere(case, capsys):
    words = "--allow means nothing where processor image becomes .npi; leave it out"
    refused(call(capsys, "convert", case.image, case.folder / "a.npi", "--allow", "conv1"), words)
    words = "--encoding says something about a foreign network, but a layered network says it itself"
    refused(call(capsys, "convert", case.network, case.folder / "a.dot", *ENCODING), words)


@pytest.mark.error
def test_a_truncated_model(tmp_path, capsys):
    source = write_onnx(tmp_path / "model.onnx", EXACT)
    source.write_bytes(source.read_bytes()[:-5])
    refused(call(capsys, "convert", source, tmp_path / "net.json", *ENCODING), "model.onnx")
    assert not (tmp_path / "net.json").exists()
