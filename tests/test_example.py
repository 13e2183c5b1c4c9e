"""docs/example.md, run from its beginning to its end: what it prints is what it says."""

import re
import subprocess
import sys

CELL = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
BETWEEN = "----- next -----"


def test_every_block_prints_what_the_page_says(root, tmp_path):
    page = (root / "docs/example.md").read_text(encoding="utf-8")
    cells = CELL.findall(page)
    assert len(cells) == page.count("```python") == 8
    program = f"\nprint('{BETWEEN}')\n".join(code for code, _ in cells)
    program = program.replace('"public_data/', f'"{root}/public_data/')
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{program}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(f"{BETWEEN}\n") == [told for _, told in cells]
    assert (tmp_path / "results/example.png").is_file()
