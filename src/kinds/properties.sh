# The kind `properties`.

properties_check() {
    properties_begin
    pb_edit_check pb_settings_text properties_ask
}

properties_apply() {
    pb_at "$arg_path" properties_write
}

properties_ask() {
    properties_begin
    pb_edit_ask pb_settings_text
}

properties_write() {
    properties_begin
    pb_edit_write pb_settings_text
}

properties_begin() {
    pb_format=$arg_format pb_section=$arg_section pb_uncomment=$arg_uncomment
    pb_settings_wanted "$arg_set" "$arg_unset"
}
