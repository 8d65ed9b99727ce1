# Compiler settings: warnings (errors for developers), sanitizers, the fast linker and ccache where they exist.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
# GCC 12 sees overlaps in std::string that are not there (its bug 105651).
add_compile_options(-Wno-restrict)
# Not under sanitizers: instrumented code confuses GCC's analysis, and the same sources are built without them.
if(STILLPOINT_DEVELOPER AND NOT STILLPOINT_SANITIZE)
  add_compile_options(-Werror)
endif()

if(STILLPOINT_SANITIZE)
  add_compile_options(-fsanitize=${STILLPOINT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${STILLPOINT_SANITIZE})
  if(STILLPOINT_SANITIZE MATCHES undefined)
    # They look at every access by a pointer: a third of the time that compiling takes, and little is found. What
    # null pointers do, AddressSanitizer sees.
    add_compile_options(-fno-sanitize=null,alignment,vptr,object-size)
  endif()
  # Instrumented code confuses GCC's analysis, as its manual says.
  add_compile_options(-Wno-maybe-uninitialized)
endif()

if(STILLPOINT_TESTS)
  # The same for libraries and programs: they share precompiled headers.
  set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
  add_compile_options(-fPIC)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  if(STILLPOINT_TESTS)  # what ccache asks for where headers are precompiled
    list(PREPEND CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros)
  endif()
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# The decoders of tests/fuzz/targets.cpp.
set(STILLPOINT_FUZZ_TARGETS index_file tree record pack_header key_file policy manifest config compressed text
  properties scalardb_settings jdbc_url transaction_id table_metadata transaction_rows row_text
  retired lock_file)
if(STILLPOINT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()
