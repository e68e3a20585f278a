# cmake -DMOTE=PROGRAM -DSHARE=FOLDER -P write_share.cmake: what the program says about itself, where shells and
# man look for it under share/.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE ${SHARE})
foreach(target bash:bash-completion/completions/mote zsh:zsh/site-functions/_mote
               fish:fish/vendor_completions.d/mote.fish)
  string(REPLACE ":" ";" target ${target})
  list(GET target 0 shell)
  list(GET target 1 file)
  get_filename_component(folder ${SHARE}/${file} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  execute_process(COMMAND ${MOTE} completion ${shell} OUTPUT_FILE ${SHARE}/${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
execute_process(COMMAND ${MOTE} man -o ${SHARE}/man/man1 OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(TOUCH ${SHARE}/written)
