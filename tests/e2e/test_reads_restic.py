# SPDX-License-Identifier: Apache-2.0
"""Repositories that restic made: what it stored comes back byte by byte, whatever its name."""

import hashlib
import os

import restic_tool
import support

ODD_NAMES = (
    b"plain", b"with space", b"line\nbreak", b"quote'\"`", b"back\\slash", b"tab\there",
    "gr\u00fc\u00df dich \u4f60\u597d \U0001f600".encode(), b"invalid-\xff\xfe\x80-utf8",
    b"-dash", b"100%25", b"*glob[a]?", b"$HOME", b"\x01control\x7f", b"n" * 255,
)


def odd_content(name):
    return b"content of " + name + b"\n"


class Base(support.Case):
    which = ""
    time_max = 300

    def setUp(self):
        super().setUp()
        self.restic = restic_tool.Restic(self.which, self.folder, self.repo)
        self.restic("init", "--repository-version", "2")
        self.source = self.folder / "source"
        self.source.mkdir()

    def store(self, *arguments):
        """The snapshot's id. `.` puts the files at the root of the tree."""
        self.restic("backup", ".", "--compression", "max", *arguments, cwd=self.source)
        return self.restic.snapshots()[-1]["id"]

    def test_odd_names(self):
        folder = os.fsencode(self.source / "odd")
        os.mkdir(folder)
        for name in ODD_NAMES:
            with open(os.path.join(folder, name), "wb") as file:
                file.write(odd_content(name))
        snapshot = self.store()
        self.check("--read-data")
        for name in ODD_NAMES:
            found = self.dump(snapshot, b"odd/" + name)
            self.assertEqual(found, odd_content(name), f"the content of {name!r}")
        listed = self.stillpoint("ls", snapshot, "odd")
        self.assertEqual(len(listed.out.splitlines()), len(ODD_NAMES), f"one line a file{listed}")
        self.assertNotIn("\x01", listed.out, "a terminal would obey control characters")
        self.assertIn("gr\u00fc\u00df", listed.out)

    def test_listed(self):
        (self.source / "a").write_text("a")
        snapshot = self.store("--tag", "x", "--host", "somewhere")
        self.assertIn(snapshot, [b["id"] for b in self.backups()])
        self.stillpoint("list")
        self.fails("show", snapshot[:10], expect=support.FAILURE, says=["not made by"])

    def test_empty_and_many_small_files(self):
        (self.source / "empty").write_bytes(b"")
        (self.source / "empty-folder").mkdir()
        many = self.source / "many"
        many.mkdir()
        for number in range(3000):
            (many / f"file-{number:04}").write_text(f"number {number}\n")
        snapshot = self.store()
        self.check("--read-data")
        self.assertEqual(self.dump(snapshot, "empty"), b"")
        listed = self.stillpoint("ls", snapshot, "many").out.splitlines()
        self.assertEqual(len(listed), 3000)
        for number in self.random.sample(range(3000), 10):
            self.assertEqual(self.dump(snapshot, f"many/file-{number:04}"),
                             f"number {number}\n".encode())

    def test_sparse_file_of_two_gibibytes(self):
        size, at, mark = 2 * 2**30 + 12345, 2**30 + 7, b"in the middle"
        with open(self.source / "sparse", "wb") as file:
            file.truncate(size)
            file.seek(at)
            file.write(mark)
        snapshot = self.store()
        self.check("--read-data")
        target = self.folder / "dumped"
        self.stillpoint("dump", snapshot, "sparse", "--output", target, timeout=200)
        self.assertEqual(target.stat().st_size, size)
        self.assertEqual(digest(target), digest(self.source / "sparse"))

    def test_large_random_file(self):
        data = self.random.randbytes(20 * 2**20)
        (self.source / "random").write_bytes(data)
        first = self.store()
        (self.source / "random").write_bytes(data[:10**7] + b"inserted" + data[10**7:])
        second = self.store()
        self.assertEqual(self.dump(first, "random"), data)
        self.assertEqual(self.dump(second, "random"), data[:10**7] + b"inserted" + data[10**7:])
        self.check("--read-data")

    def test_damage_is_found(self):
        (self.source / "random").write_bytes(self.random.randbytes(2**20))
        self.store()
        packs = sorted(p for p in (self.repo / "data").rglob("*") if p.is_file())
        largest = max(packs, key=lambda pack: pack.stat().st_size)
        data = bytearray(largest.read_bytes())
        data[self.random.randrange(len(data) // 2)] ^= 1 << self.random.randrange(8)
        largest.chmod(0o600)
        largest.write_bytes(data)
        found = self.check("--read-data", expect=support.FAILURE)
        self.assertIn(largest.name[:8], found.out + found.err, f"the pack is not named{found}")
        largest.unlink()
        found = self.check(expect=support.FAILURE)
        self.assertIn(largest.name[:8], found.out + found.err, f"the pack is not named{found}")


def digest(path):
    sha256 = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(2**22):
            sha256.update(piece)
    return sha256.hexdigest()


class SystemRestic(Base):
    which = "system"
    daily = False
    full = "full-system-restic"


class NextRestic(Base):
    which = "next"


del Base  # unittest would run it too
