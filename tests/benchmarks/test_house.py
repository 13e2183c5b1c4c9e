"""The table and the picture of the house, against imports made up for it and against the real ones."""

import pytest

from benchmarks import house, house_picture
from cardiac.errors import ConfigError
from cardiac.files import png


@pytest.fixture
def small(tmp_path):
    """Three rooms: top imports middle (within a function) and bottom, middle imports bottom."""
    (tmp_path / "bottom").mkdir()
    (tmp_path / "bottom/__init__.py").write_text('"""Bottom."""\n')
    (tmp_path / "bottom/one.py").write_text("import json\n\n\ndef f():\n    return json\n")
    (tmp_path / "middle.py").write_text("from bottom.one import f\n")
    (tmp_path / "top.py").write_text(
        "from bottom import one\n\n\ndef g():\n    import middle\n\n    return middle, one\n"
    )
    return tmp_path


def test_rooms_floors_and_lines(small):
    told = house.House.read(root=small)
    assert told.rooms == {"bottom": set(), "middle": {"bottom"}, "top": {"bottom", "middle"}}
    assert house.floors(told.rooms) == {"bottom": 1, "middle": 2, "top": 3}
    assert told.lines == {"bottom": 6, "middle": 1, "top": 7}
    text = house.format_house(told)
    assert "| 3 | top | 7 | bottom, middle |" in text
    assert text.endswith("3 rooms, 3 floors, 3 arrows, 14 lines; circles: none.")


def test_a_circle_is_named(small):
    (small / "bottom/one.py").write_text("def f():\n    import top\n\n    return top\n")
    told = house.House.read(root=small)
    assert house.circles(told.rooms) == [["bottom", "middle", "top"]]
    assert "circles: bottom, middle, top" in house.format_house(told)
    with pytest.raises(ConfigError, match="circle of imports: bottom, middle, top"):
        house.floors(told.rooms)


def test_one_room_of_the_house(capsys):
    assert house.main(["--inside", "cardiac"]) == 0
    assert "| cardiac.errors |" in capsys.readouterr().out
    assert house.main(["--inside", "cellar"]) == 2
    assert "no room 'cellar'" in capsys.readouterr().err


def test_the_picture_shows_the_house_as_it_is(root):
    """No room imports one that is drawn above it, and every room is drawn."""
    drawn = {"cardiac": 0.0}
    for room in house_picture.ROOMS:
        for name in room.name.replace(",", "").split():
            drawn[name.removesuffix(".py").split("/")[0]] = room.y
    rooms = house.House.read().rooms
    assert set(rooms) - set(drawn) == set()
    upwards = [(name, each) for name, others in rooms.items() for each in others if drawn[each] > drawn[name]]
    assert upwards == []
    for _, files in house_picture.INSIDE_CORE:
        for name in files.partition("(")[0].split():
            place = root / "cardiac" / name
            assert place.is_dir() or place.with_suffix(".py").is_file(), name


def test_the_same_picture_twice():
    assert png(house_picture.draw_house()) == png(house_picture.draw_house())
