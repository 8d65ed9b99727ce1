# SPDX-License-Identifier: Apache-2.0
"""Writes into restic repositories what no program would: a config of another version, locks of
other hosts. An independent implementation of restic's sealing (AES-256-CTR, Poly1305-AES, scrypt)
on OpenSSL's libcrypto and the standard library.
"""

import base64
import ctypes
import ctypes.util
import datetime
import hashlib
import json
import os
import pathlib
import unittest

MASK = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
PRIME = (1 << 130) - 5


def libcrypto():
    name = ctypes.util.find_library("crypto")
    if not name:
        raise unittest.SkipTest("libcrypto: OpenSSL's library is not found")
    library = ctypes.CDLL(name)
    for function in ("EVP_CIPHER_CTX_new", "EVP_aes_256_ctr", "EVP_aes_128_ecb"):
        getattr(library, function).restype = ctypes.c_void_p
    return library


def aes(cipher, key, iv, data):
    """Encrypts, or for a mode of counting decrypts."""
    library = libcrypto()
    context = ctypes.c_void_p(library.EVP_CIPHER_CTX_new())
    try:
        kind = ctypes.c_void_p(getattr(library, cipher)())
        if library.EVP_EncryptInit_ex(context, kind, None, key, iv) != 1:
            raise AssertionError("libcrypto does not take the key")
        out, size = ctypes.create_string_buffer(len(data) + 32), ctypes.c_int(0)
        if library.EVP_EncryptUpdate(context, out, ctypes.byref(size), data, len(data)) != 1:
            raise AssertionError("libcrypto does not encrypt")
        return out.raw[:size.value]
    finally:
        library.EVP_CIPHER_CTX_free(context)


def poly1305(r, s, data):
    r = int.from_bytes(r, "little") & MASK
    sum_ = 0
    for at in range(0, len(data), 16):
        block = data[at:at + 16] + b"\1"
        sum_ = (sum_ + int.from_bytes(block, "little")) * r % PRIME
    return ((sum_ + int.from_bytes(s, "little")) % (1 << 128)).to_bytes(16, "little")


class Key:
    def __init__(self, encrypt, k, r):
        self.encrypt, self.k, self.r = encrypt, k, r

    def seal(self, data):
        nonce = os.urandom(16)
        text = aes("EVP_aes_256_ctr", self.encrypt, nonce, data)
        return nonce + text + self._mac(nonce, text)

    def open(self, sealed):
        nonce, text, mac = sealed[:16], sealed[16:-16], sealed[-16:]
        if self._mac(nonce, text) != mac:
            raise AssertionError("the key does not fit, or the data is damaged")
        return aes("EVP_aes_256_ctr", self.encrypt, nonce, text)

    def _mac(self, nonce, text):
        return poly1305(self.r, aes("EVP_aes_128_ecb", self.k, None, nonce), text)


def master_key(repo, password):
    """The key that the first key file of the repository holds."""
    path = sorted((pathlib.Path(repo) / "keys").iterdir())[0]
    file = json.loads(path.read_bytes())
    derived = hashlib.scrypt(password.encode(), salt=base64.b64decode(file["salt"]), n=file["N"],
                             r=file["r"], p=file["p"], dklen=64, maxmem=2**30)
    key = Key(derived[:32], derived[32:48], derived[48:])
    found = json.loads(key.open(base64.b64decode(file["data"])))
    return Key(base64.b64decode(found["encrypt"]), base64.b64decode(found["mac"]["k"]),
               base64.b64decode(found["mac"]["r"]))


def make_key_cheap(repo, password):
    """A key of the same password that costs next to nothing takes the place of the first one: for
    tests that open the repository a thousand times."""
    key = master_key(repo, password)
    salt, cost = os.urandom(64), {"N": 2, "r": 8, "p": 1}
    derived = hashlib.scrypt(password.encode(), salt=salt, n=2, r=8, p=1, dklen=64)
    text = lambda data: base64.b64encode(data).decode()
    master = {"mac": {"k": text(key.k), "r": text(key.r)}, "encrypt": text(key.encrypt)}
    sealed = Key(derived[:32], derived[32:48], derived[48:]).seal(json.dumps(master).encode())
    when = datetime.datetime.now(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    file = {"created": when, "username": "u", "hostname": "h", "kdf": "scrypt", **cost,
            "salt": text(salt), "data": text(sealed)}
    encoded = json.dumps(file).encode()
    folder = pathlib.Path(repo) / "keys"
    old = sorted(folder.iterdir())
    (folder / hashlib.sha256(encoded).hexdigest()).write_bytes(encoded)
    for path in old:
        path.unlink()


def change_version(repo, password, version):
    key = master_key(repo, password)
    path = pathlib.Path(repo) / "config"
    config = json.loads(key.open(path.read_bytes()))
    config["version"] = version
    path.chmod(0o600)
    path.write_bytes(key.seal(json.dumps(config).encode()))


def add_lock(repo, password, *, exclusive, age_minutes=0, hostname="elsewhere"):
    """The path of the lock file."""
    when = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=age_minutes)
    lock = {"time": when.isoformat().replace("+00:00", "Z"), "exclusive": exclusive,
            "hostname": hostname, "username": "somebody", "pid": 4711, "uid": 0, "gid": 0}
    sealed = master_key(repo, password).seal(json.dumps(lock).encode())
    path = pathlib.Path(repo) / "locks" / hashlib.sha256(sealed).hexdigest()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(sealed)
    return path


def add_record(repo, key, record):
    """Writes a snapshot object with these fields (restic's names) and gives its id."""
    sealed = key.seal(json.dumps(record).encode())
    name = hashlib.sha256(sealed).hexdigest()
    folder = pathlib.Path(repo) / "snapshots"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(sealed)
    return name
