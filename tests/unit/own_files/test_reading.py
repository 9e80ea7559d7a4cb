"""Files of other people's numbers are read as they are meant, or refused with the question to answer."""

import gzip

import pytest

from densing_pipeline.density.fit import NEEDED, ROLES
from densing_pipeline.own_files import delimited
from densing_pipeline.own_files.delimited import FileError
from densing_pipeline.own_files.reading import Told, read_roles

PLAIN = "N,D,loss\n1e9,2e10,2.5\n2e9,5e10,2.25\n4e9,4e10,2.125\n"
MEANT = {
    "params": [1e9, 2e9, 4e9],
    "tokens": [2e10, 5e10, 4e10],
    "loss": [2.5, 2.25, 2.125],
}


def read(tmp_path, content, told=None, name="runs.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_roles(path, ROLES, NEEDED, told or Told())


def columns(found, names=("params", "tokens", "loss")):
    return {name: found.columns[name].to_list() for name in names}


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        "\n" + PLAIN + "\n\n",
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t").replace("\n", "\r\n"),
        PLAIN.replace(",", " | "),
        PLAIN.replace(",", "  "),
        PLAIN.replace(",", ";").replace(".", ","),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.encode("utf-16-be"),
        PLAIN.replace(",", ":"),
        PLAIN.replace(",", "^"),
        PLAIN.replace(",", "\x01"),
        gzip.compress(PLAIN.encode(), mtime=0),
        "N;D;loss\n1.000.000.000;20.000.000.000;2,5\n2.000.000.000;50.000.000.000;2,25\n"
        "4.000.000.000;40.000.000.000;2,125\n",
        'N,D,loss\n"1,000,000,000","20,000,000,000",2.5\n"2,000,000,000","50,000,000,000",2.25\n'
        '"4,000,000,000","40,000,000,000",2.125\n',
        "N,D,loss\n1000M,20B,2.5\n2 bn,50G,2.25\n4 Billion,0.04T,2.125\n",
        "N,D,loss\n10^9,2x10^10,2.5\n2 000 000 000,5E+10,2.25\n4'000'000'000,4 × 10^10,2.125\n".replace(
            "10^9,", "1 x 10^9,"
        ),
        "params_b,tokens (billions),final_loss\n1,20,2.5\n2,50,2.25\n4,40,2.125\n",
        "n_params,n_tokens,validation loss\n1e9,2e10,2.5\n2e9,5e10,2.25\n4e9,4e10,2.125\n",
        "model,Model Size (M),Training tokens in B,loss_nats_per_token,\na,1000,20,2.5,\nb,2000,50,2.25,\n"
        "c,4000,40,2.125,\n",
        PLAIN.replace("\n", "\r"),
        "sep=;\n" + PLAIN.replace(",", ";"),
        "# runs of spring\n# in nats\n" + PLAIN,
        "#" + PLAIN.replace(",", " "),
        "Runs of spring,,\n\n" + PLAIN,
        PLAIN.replace("\n", ",\n").replace("loss,", "loss"),
        "N D loss\n1 1e9 2e10 2.5\n2 2e9 5e10 2.25\n3 4e9 4e10 2.125\n",
        "| N | D | loss |\n| 1e9 | 2e10 | 2.5 |\n| 2e9 | 5e10 | 2.25 |\n| 4e9 | 4e10 | 2.125 |\n",
        "nParams,trainTokens,loss,L\n1e9,2e10,2.5,2.5\n2e9,5e10,2.25,2.25\n4e9,4e10,2.125,2.125\n",
    ],
)
def test_the_same_numbers_however_they_are_written(tmp_path, content):
    for name, values in columns(read(tmp_path, content)).items():
        assert values == pytest.approx(MEANT[name]), name


@pytest.mark.parametrize(
    ("header", "cells", "loss"),
    [
        ("perplexity", (12.182494, 9.487736), [2.5, 2.25]),
        ("val_ppl", (12.182494, 9.487736), [2.5, 2.25]),
        ("loss (bits)", (3.606738, 3.246064), [2.5, 2.25]),
        ("ln loss", (0.9162907, 0.8109302), [2.5, 2.25]),
    ],
)
def test_a_unit_in_the_header_is_converted_and_said(tmp_path, header, cells, loss):
    found = read(tmp_path, f"N,D,{header}\n1e9,2e10,{cells[0]}\n2e9,5e10,{cells[1]}\n")
    assert found.columns["loss"].to_list() == pytest.approx(loss, rel=1e-6)
    assert "read as the loss L in" in found.notes[-1]


def test_compute_is_read_in_its_units_when_tokens_are_missing(tmp_path):
    days = 6 * 1e9 * 2e10 / 8.64e19
    found = read(tmp_path, f"N,compute (PF-days),loss\n1e9,{days},2.5\n")
    assert found.columns["flop"].to_list() == pytest.approx([1.2e20])


def test_compute_beside_tokens_is_left_out_and_said(tmp_path):
    found = read(tmp_path, "N,D,loss,C\n1e9,2e10,2.5,1.0\n2e9,5e10,2.25,1.0\n")
    assert "flop" not in found.columns
    assert found.notes == ("C (the training compute C) is not read, for tokens is there",)


def test_units_and_columns_by_name(tmp_path):
    content = "N,D,loss,L\n1,20,2.5,9\n2,50,2.25,9\n4,40,2.125,8\n"
    told = Told(columns={"loss": "loss"}, units={"params": "billions", "tokens": "B"})
    assert columns(read(tmp_path, content, told)) == MEANT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("N,D,loss\n1,20,2.5\n2,50,2.2\n", r"N: every value, such as 1 in line 2, .*--unit params="),
        ("N,D,loss\n1e9,2e10,2.5\n2,5e10,2.2\n", r"N: 1 of 2 values, such as 2 in line 3"),
        ("N,D,loss\n20.7,24.1,0.9\n21.4,24.9,.8\n", r"ln, log10"),
        ("N,D,loss\n1e9,2e10,29.8\n2e9,5e10,13.8\n", r"loss: 1 of 2 values, .*perplexity"),
        ("log N,D,loss\n20.7,2e10,2.5\n", "which logarithm"),
        ("N,D,loss,L\n1e9,2e10,2.5,3\n2e9,5e10,2.2,3\n", "loss and L may each be the loss L"),
        ("N,loss\n1e9,2\n", "no column is known as the number of training tokens D"),
        ("N,D,loss\n", "no rows below the header N, D, loss"),
        ("", "the file is empty"),
        ("1e9,2e10,2.5\n2e9,5e10,2.2\n", "put the names of the columns above"),
        ("N;D;loss\n1e9;2e10;2,125\n", "decimal comma, or separated thousands"),
        ("N;D;loss\n1e9;2e10;2,5\n2e9;5e10;2.2\n", "a decimal point and '2,5' a decimal comma"),
        ("N,D,loss\n1e9,2e10\n2e9,5e10,2.2\n", "1 of 2 rows cannot be read: line 2 has 2 cells"),
        ("N,D,loss\n1e9,2e10,soon\n2e9,5e10,2.2\n", "line 2, loss: 'soon' is not a number"),
        ("N,D,loss\n1e9,2e10,inf\n2e9,5e10,2.2\n", "line 2, loss: 'inf' is infinite"),
        ("N,D,loss\n1e9,2e10,-1\n2e9,5e10,2.2\n", "line 2, loss: '-1' is not positive"),
        ("N,D,loss\n1e9,2e10,0\n2e9,5e10,2.2\n", "line 2, loss: '0' is not positive"),
        ("N,D,loss\n1e9,2e10,2.5M\n2e9,5e10,2.2\n", "'2.5M' is not a number"),
        ("N,D,loss\n$1e9,2e10,2.5\n2e9,5e10,2.2\n", "is not a number"),
        ("N,D,loss\n1e9,2e10,33 %\n2e9,5e10,2.2\n", "is not a number. Write numbers alone, and their unit"),
        ("N,D,loss,loss\n1e9,2e10,2.5,3\n2e9,5e10,2.2,3\n", "2 columns loss differ, .*rename"),
        ('[{"N": 1e9, "D": 2e10, "loss": 2.5}]', "read_json"),
        ('{"N": 1e9, "D": 2e10, "loss": 2.5}\n', "read_ndjson"),
        ("<html><table><tr><td>N</td></tr></table></html>", "HTML or XML"),
        (b"PK\x03\x04rest", "export the sheet as CSV"),
        (b"N,D,loss\n1\x00,2,3\n", "NUL"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:-9], "damaged gzip"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_the_remedy(tmp_path, content, message):
    with pytest.raises(FileError, match=message):
        read(tmp_path, content)


def flop_file(*values: str) -> str:
    return "N,flop,loss\n" + "".join(f"{i}e9,{value},2.5\n" for i, value in enumerate(values, 1))


def test_values_in_two_groups_far_apart_are_asked_about(tmp_path):
    """Two runs in FLOP among two in petaflop; one alone may be what it says."""
    mixed = flop_file("1e18", "2e18", "5e21", "9e21")
    with pytest.raises(FileError, match="2e18 in line 3 and 5e21 in line 4 are 2,500-fold apart"):
        read(tmp_path, mixed)
    said = read(tmp_path, mixed, Told(units={"flop": "ones"}))
    assert said.columns.height == 4
    for content in (
        flop_file("1e18", "2e18", "3.9e20", "9e20"),
        flop_file("1e18", "5e21", "6e21", "9e21"),
    ):
        assert read(tmp_path, content).columns.height == 4


def test_what_stands_above_the_header_and_names_of_rows_are_said(tmp_path):
    found = read(tmp_path, "# of spring\n" + PLAIN)
    assert found.notes == ("above the header, and not read: # of spring",)
    found = read(tmp_path, "N D loss\na 1e9 2e10 2.5\nb 2e9 5e10 2.25\n")
    assert "name of the row" in found.notes[0]


def test_lines_are_counted_as_an_editor_does(tmp_path):
    content = "My runs\n\n" + PLAIN + "5e9,x,2\n" + "".join(f"{n}e9,3e10,2\n" for n in range(5, 9))
    assert "line 7, D: 'x' is not a number" in read(tmp_path, content).notes[-1]


def test_single_bad_rows_are_left_out_with_their_reasons(tmp_path):
    rows = [f"{n}e8,2e10,2.{n}" for n in range(1, 10)] + ["9e9,,2.5", "1e10,NaN,2.2"]
    found = read(tmp_path, "\n".join(["N,D,loss", *rows, rows[0]]))
    assert found.columns.height == 9
    assert found.notes == (
        "1 rows repeat an earlier one cell by cell, and count once",
        "2 of 11 rows left out: line 11, D: is empty; line 12, D: 'NaN' is empty",
    )


def test_text_that_is_not_utf_8_is_read_and_said(tmp_path):
    found = read(tmp_path, "modèle,N,D,loss\na,1e9,2e10,2.5\n".encode("cp1252"))
    assert found.notes == ("not UTF-8: read as Windows-1252",)


def test_a_folder_a_missing_file_and_a_huge_one_are_refused(tmp_path, monkeypatch):
    for path, message in ((tmp_path, "is a folder"), (tmp_path / "no.csv", "is not there")):
        with pytest.raises(FileError, match=message):
            read_roles(path, ROLES, NEEDED)
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(FileError, match="over 64 MB"):
        read_roles(tmp_path / "huge.csv", ROLES, NEEDED)
    with pytest.raises(FileError, match="over 64 MB"):
        read(tmp_path, gzip.compress(b"0" * (2**26 + 1)))
    monkeypatch.setattr(delimited, "MOST_ROWS", 2)
    with pytest.raises(FileError, match="over 2 rows"):
        read(tmp_path, PLAIN)


@pytest.mark.parametrize(
    "told",
    [
        Told(columns={"size": "N"}),
        Told(units={"params": "furlongs"}),
        Told(columns={"params": "Q"}),
    ],
)
def test_an_option_that_fits_nothing_is_refused(tmp_path, told):
    with pytest.raises(FileError, match=r"there are|the units of params are|no column 'Q'"):
        read(tmp_path, PLAIN, told)
