"""What the docs show is what happens."""

import doctest
import re
from pathlib import Path

import trimtab

README = Path(__file__).parent.parent / "README.md"


def test_examples_of_the_package() -> None:
    tried = doctest.testmod(trimtab)
    assert tried.failed == 0 and tried.attempted > 5


def test_examples_of_the_readme_that_need_nothing_else() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    alone = [block for block in blocks if "houses.csv" not in block and "torch" not in block]
    assert len(alone) == 2
    for block in alone:
        exec(block, {"trimtab": trimtab})
