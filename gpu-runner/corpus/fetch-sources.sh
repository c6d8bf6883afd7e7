#!/bin/sh
# Fetches Debian's public-domain texts into a folder, without installing anything:
#   kjv.txt       every verse of the King James Bible on a line, as `bible -f` prints it
#   devil.dict    The Devil's Dictionary, and devil.index, which says where each entry lies
#   jargon.txt    The Jargon File
#   packages.txt  name, version and SHA-256 of each package, one a line
# Usage: fetch-sources.sh FOLDER. Runs on Debian, or in a container of it.
set -eu
cd "$1"
packages="bible-kjv bible-kjv-text dict-devil jargon-text"
download() { apt-get download -o APT::Sandbox::User=root $packages; }
# A machine whose package lists were never fetched, or are old, knows no file to download.
download || { apt-get update; download; }
for package in $packages; do
  archive=$(echo "$package"_*.deb)
  dpkg-deb -x "$archive" tree
  echo "$package $(dpkg-deb -f "$archive" Version) $(sha256sum "$archive" | cut -d ' ' -f 1)"
done > packages.txt
(cd tree/usr/lib && ../bin/bible -f -p . 'Gen1:1-Rev22:21') > kjv.txt
gzip -dc < tree/usr/share/dictd/devil.dict.dz > devil.dict
cp tree/usr/share/dictd/devil.index devil.index
gzip -dc tree/usr/share/doc/jargon-text/jargon.txt.gz > jargon.txt
rm -r tree ./*.deb
