#!/usr/bin/env bash
# liac-arff 2.5.0: of a sparse matrix in coordinates, the rows after the last entry are not written, and the file has fewer rows than the data.
#
# ARFF has a line for each row, and "{}" for one in which all is zero. The library is said to support `scipy.sparse.coo_matrix`, and it writes such a
# line for each empty row before the last entry. But it stops there and does not look at the shape of the matrix. A matrix without an entry
# becomes one row, whatever its shape. Counts of words have such rows, where a text has none of the words. Whoever reads the file gets
# a valid table that is too short, and labels or splits that are kept beside it do not fit; nothing says so. Read back as coordinates, which have
# no shape in this library, the loss does not show at all. What to do instead: give the rows as dictionaries, of which each is written.
#
# Seen, for five rows of which the second and the third have an entry: three are written. As dictionaries the same five are written. Of four rows
# without an entry one is written.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet liac-arff==2.5.0 numpy==2.4.6 scipy==1.17.1
cat > rows.py <<'PYTHON'
import arff
import numpy as np
from scipy.sparse import coo_matrix

ATTRIBUTES = [("apple", "NUMERIC"), ("pear", "NUMERIC")]


def written(rows):
    """The rows of data in the file, and how many a reader counts."""
    text = arff.dumps({"relation": "words", "attributes": ATTRIBUTES, "data": rows})
    lines = text.split("@DATA\n")[1].splitlines()
    return f"{len(arff.loads(text)['data'])} rows: {lines}"


counts = np.array([[0, 0], [1, 0], [0, 2], [0, 0], [0, 0]])
print("five rows, coordinates:", written(coo_matrix(counts)))
print("five rows, dictionaries:", written([{i: int(v) for i, v in enumerate(row) if v} for row in counts]))
print("four empty rows, coordinates:", written(coo_matrix((4, 2))))
PYTHON
venv/bin/python rows.py | tee seen.txt
diff seen.txt - <<'WANTED'
five rows, coordinates: 3 rows: ['{  }', '{ 0 1 }', '{ 1 2 }']
five rows, dictionaries: 5 rows: ['{  }', '{ 0 1 }', '{ 1 2 }', '{  }', '{  }']
four empty rows, coordinates: 1 rows: ['{  }']
WANTED
