# What goes where, program by program; packagers take the components apart.

# On Windows one folder that an installer, or a person, puts under Program
# Files: cpack --config build/mingw/CPackConfig.cmake makes it a zip.
if(WIN32)
    install(TARGETS lastcall-worker RUNTIME DESTINATION . COMPONENT worker)
    install(FILES worker.conf.example DESTINATION . COMPONENT worker)
    install(FILES deploy/windows/README.md DESTINATION . RENAME WINDOWS.md
            COMPONENT worker)
    install(TARGETS lastcall RUNTIME DESTINATION . COMPONENT controller)
    install(FILES controller.conf.example README.md SECURITY.md CHANGELOG.md
                  LICENSE
            DESTINATION . COMPONENT controller)
    install(FILES protocol/PROTOCOL.md DESTINATION protocol
            COMPONENT controller)
    set(CPACK_GENERATOR ZIP)
    set(CPACK_STRIP_FILES ON)
    set(CPACK_PACKAGE_FILE_NAME lastcall-${PROJECT_VERSION}-win64)
    include(CPack)
    return()
endif()
install(TARGETS lastcall-worker RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
        COMPONENT worker)
install(FILES deploy/man/lastcall-worker.8
        DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT worker)
install(FILES deploy/systemd/lastcall-worker.service
        DESTINATION lib/systemd/system COMPONENT worker)
install(FILES deploy/systemd/lastcall.sysusers
        DESTINATION lib/sysusers.d RENAME lastcall.conf COMPONENT worker)
install(FILES worker.conf.example
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT worker)

install(TARGETS lastcall RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
        COMPONENT controller)
install(FILES deploy/man/lastcall.1
        DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT controller)

install(FILES controller.conf.example
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT controller)
install(FILES README.md SECURITY.md CHANGELOG.md LICENSE protocol/PROTOCOL.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT controller)
install(FILES deploy/systemd/lastcall-bridge.service
        DESTINATION lib/systemd/system COMPONENT controller)
install(FILES deploy/systemd/lastcall-bridge.sysusers
        DESTINATION lib/sysusers.d RENAME lastcall-bridge.conf
        COMPONENT controller)
install(DIRECTORY deploy/mosquitto deploy/brokers deploy/home-assistant
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT controller)
