# Debian 12 packages, by purpose, and how to get what is missing.
# Sourced by deploy/quickstart and tests/run.
# shellcheck shell=bash

packages_build="gcc libc6-dev cmake ninja-build pkg-config
    libpaho-mqtt-dev libmosquitto-dev libcurl4-openssl-dev libjansson-dev
    libssl-dev libsqlite3-dev libinih-dev"
packages_standin="libmicrohttpd-dev"
packages_quickstart="mosquitto mosquitto-clients ca-certificates"
packages_test="git libcmocka-dev mosquitto mosquitto-clients openssl sqlite3
    python3 python3-pytest python3-paho-mqtt python3-jwt
    python3-cryptography python3-jwcrypto python3-jinja2 python3-yaml man-db
    clang clang-format clang-tidy libclang-rt-14-dev ca-certificates"
# To build for Windows, deploy/windows/build-deps included, and to test that.
packages_windows="gcc-mingw-w64-x86-64-win32 make perl tcl patch xz-utils
    wine64"

# install_missing PACKAGE... : installs those that dpkg does not have.
install_missing() {
    local package missing=() as_root=()
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null |
            grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if ! command -v apt-get >/dev/null; then
        echo "error: needs these Debian 12 packages: ${missing[*]}" >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "error: run this as root once, or install yourself:" >&2
            echo "  apt-get install ${missing[*]}" >&2
            return 1
        fi
        as_root=(sudo)
    fi
    echo "Installing ${#missing[@]} missing packages: ${missing[*]}" >&2
    "${as_root[@]}" apt-get update -qq >&2 &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install \
            -y -qq --no-install-recommends "${missing[@]}" >&2
}
