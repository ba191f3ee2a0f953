#!/bin/sh
# Run a program in the root file system of an image as Kubernetes does: read-only, not as root, without capabilities,
# and with only the named folders mounted. Call it through `unshare --mount`.
#   enter-image.sh ROOT USER [ro:FOLDER|rw:FOLDER]... -- PROGRAM [ARGUMENT]...
set -eu
umask 022 # the user of the image needs access to the folders that are created in its root
root=$1
user=$2
shift 2
mount --bind "$root" "$root"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
  folder=${1#r[ow]:}
  mkdir -p "$root$folder"
  mount --bind "$folder" "$root$folder"
  case $1 in ro:*) mount -o remount,bind,ro "$root$folder" ;; esac
  shift
done
shift
mount -o remount,bind,ro "$root"
umask 077
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+setuid,+setgid,+sys_chroot \
  chroot --userspec="$user:$user" --groups= "$root" "$@"
