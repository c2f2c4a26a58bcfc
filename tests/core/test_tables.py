"""CSV without formulas, whichever separator the spreadsheet uses."""

import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vodplatform.core.api.csv_tables import csv_text, unmarked

pytestmark = pytest.mark.pure


@given(st.text(alphabet="=+-@＝＋－＠'\"\t\r\n;,a ", max_size=12))
@example("x;=HYPERLINK(1)")
@example("x\t=1+1")
@example("＝1")
@example('x;"=1"')
@example("''")
def test_no_separator_makes_a_formula_of_a_text_which_comes_back_unchanged(text: str) -> None:
    table = csv_text(["label"], [[text]])
    for separator in ",;\t":
        # Spreadsheets recognise quotation marks only at the start of a cell.
        cells = [cell for row in csv.reader(table.splitlines(), delimiter=separator) for cell in row]
        assert not [cell for cell in cells if re.match("[=+@＝＋－＠-]", cell)], separator
    [_, [cell]] = csv.reader(io.StringIO(table, newline=""))
    assert unmarked(cell) == text
