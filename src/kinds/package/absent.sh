# What only a step with `state: absent` does.

package_remove() {
    # NAME...
    case $pb_family in
    yum) package_manage "$pb_manager" -y remove "$@" ;;
    apt) package_apt remove "$@" ;;
    apk) package_apk del "$@" ;;
    zypper) package_zypper remove "$@" ;;
    pacman)
        for pb_one; do
            shift
            set -- "$@" "${pb_one#@}"
        done
        package_manage pacman -R --noconfirm "$@"
        ;;
    esac
}
