# One folder under src/ = one module = one library. src/modules.txt says which modules there are and what each may use.
file(STRINGS ${CMAKE_SOURCE_DIR}/src/modules.txt lines REGEX "^[a-z]+:")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/modules.txt)
set(STILLPOINT_MODULES "")
foreach(line ${lines})
  string(REGEX MATCH "^[a-z]+" module "${line}")
  string(REGEX REPLACE "^[a-z]+: *" "" uses "${line}")
  string(REPLACE " " ";" uses "${uses}")
  list(APPEND STILLPOINT_MODULES ${module})
  set(STILLPOINT_${module}_USES ${uses})
endforeach()

# What nearly every file reads, compiled once: for tests, and under sanitizers for all. Elsewhere each file of the program
# shows that it includes what it uses.
function(stillpoint_precompile target libraries)
  string(MAKE_C_IDENTIFIER "stillpoint_precompiled_${libraries}" donor)
  if(NOT TARGET ${donor})
    set(source ${CMAKE_BINARY_DIR}/${donor}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "")
    add_library(${donor} OBJECT ${source})
    target_link_libraries(${donor}
      PRIVATE tl::expected fmt::fmt nlohmann_json::nlohmann_json Threads::Threads ${libraries})
    target_precompile_headers(${donor} PRIVATE <algorithm> <array> <atomic> <chrono> <condition_variable> <filesystem>
      <fstream> <functional> <map> <memory> <mutex> <optional> <regex> <set> <span> <stop_token> <string> <thread>
      <unordered_map> <variant> <vector> <fmt/format.h> <nlohmann/json.hpp> <tl/expected.hpp>)
    if(libraries)
      target_precompile_headers(${donor} PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
    endif()
  endif()
  target_precompile_headers(${target} REUSE_FROM ${donor})
endfunction()

# stillpoint_module(NAME SOURCES … [LIBRARIES …] [TESTS …]): the library, and its unit tests as NAME_test.
function(stillpoint_module name)
  cmake_parse_arguments(M "" "" "SOURCES;LIBRARIES;TESTS" ${ARGN})
  add_library(stillpoint_${name} STATIC ${M_SOURCES})
  target_include_directories(stillpoint_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(stillpoint_${name} PUBLIC Threads::Threads tl::expected fmt::fmt PRIVATE ${M_LIBRARIES})
  if(STILLPOINT_SANITIZE)
    stillpoint_precompile(stillpoint_${name} "")
  endif()
  foreach(used ${STILLPOINT_${name}_USES})
    target_link_libraries(stillpoint_${name} PUBLIC stillpoint_${used})
  endforeach()
  if(STILLPOINT_TESTS AND M_TESTS)
    stillpoint_test(${name}_test LABEL unit SOURCES ${M_TESTS} LIBRARIES stillpoint_${name} ${M_LIBRARIES})
  endif()
endfunction()

# stillpoint_test(NAME LABEL … SOURCES … LIBRARIES … [TIMEOUT seconds]): a GoogleTest program, one ctest entry a test.
function(stillpoint_test name)
  cmake_parse_arguments(T "" "LABEL;TIMEOUT" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 300)
  endif()
  add_executable(${name} ${T_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${T_LIBRARIES} GTest::gtest_main GTest::gmock ${RAPIDCHECK})
  # GCC 12 misreads std::string(30, 'x') + "y" (its bug 105651); AddressSanitizer runs the same tests.
  target_compile_options(${name} PRIVATE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  stillpoint_precompile(${name} GTest::gmock)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${T_LABEL} TIMEOUT ${T_TIMEOUT})
endfunction()
