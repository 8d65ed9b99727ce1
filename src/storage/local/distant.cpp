// SPDX-License-Identifier: Apache-2.0
#include "storage/local/distant.h"

#include <algorithm>
#include <array>
#include <string>

#include <sys/vfs.h>

namespace stillpoint::storage {
namespace {

// From linux/magic.h and the sources of file systems that are not there.
constexpr std::array<std::uint32_t, 16> distant_kinds = {
    0x00006969,  // NFS
    0xFE534D42,  // SMB 2 and later
    0xFF534D42,  // CIFS
    0x0000517B,  // SMB 1
    0x65735546,  // FUSE: sshfs, s3fs, rclone, virtiofs
    0x01021997,  // 9P
    0x00C36400,  // Ceph
    0x5346414F,  // AFS
    0x6B414653,  // AFS of the kernel
    0x73757245,  // Coda
    0x0000564C,  // NCP
    0x0BD00BD0,  // Lustre
    0x47504653,  // GPFS
    0x19830326,  // BeeGFS
    0xAAD7AAEA,  // PanFS
    0x786F4256,  // folders that VirtualBox shares
};

}  // namespace

bool is_distant_kind(std::uint32_t file_system) {
  return std::find(distant_kinds.begin(), distant_kinds.end(), file_system) != distant_kinds.end();
}

bool is_distant(const std::filesystem::path& path) {
  struct statfs info = {};
  return ::statfs(path.c_str(), &info) == 0 &&
         is_distant_kind(static_cast<std::uint32_t>(info.f_type));
}

}  // namespace stillpoint::storage
