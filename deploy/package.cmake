# What goes where, program by program; packagers take the components apart.
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
install(DIRECTORY deploy/mosquitto
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT controller)
