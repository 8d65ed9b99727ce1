# `test_programs`: every GoogleTest program of the project and nothing else, for the sanitizers' builds.
# `threaded_programs`: those of the modules whose own code shares things between threads, for ThreadSanitizer every
# day. `./dev test --full` takes all.
set(threaded base_test net_test gate_test pipeline_test storage_test job_test repository_test window_test)

function(stillpoint_collect_tests folder)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    get_target_property(libraries ${target} LINK_LIBRARIES)
    if("GTest::gtest_main" IN_LIST libraries)
      add_dependencies(test_programs ${target})
      if(target IN_LIST threaded)
        add_dependencies(threaded_programs ${target})
      endif()
    endif()
  endforeach()
  get_property(subfolders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(subfolder ${subfolders})
    stillpoint_collect_tests(${subfolder})
  endforeach()
endfunction()

add_custom_target(test_programs)
add_custom_target(threaded_programs)
# once every folder has been read
cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL stillpoint_collect_tests ${CMAKE_SOURCE_DIR})
