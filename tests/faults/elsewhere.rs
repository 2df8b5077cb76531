//! Tests of other suites that cover a row: below the program, where the fault can be made more precisely.
//!
//! A case names its test by the file and the test's name: of the function in a file in Rust, of the case in a YAML file
//! of `tests/kinds/`. A file of `tests/playbooks/` is a test by itself, and the name is empty. The report checks that each
//! of them exists.

use super::rows::{Case, Seen};

/// Tests that cover rows T, X, H and W, one list for each row.
const BY_ROW: &[&[Case]] = &[
    // T1
    &[],
    // T2
    &[elsewhere(
        "tests/wire/isolation.rs",
        "no_variable_of_a_step_bends_the_runner",
        &["T2"],
        "every name that occurs in the runner, and those of POSIX, exported, registered, set in a step and in the login",
    )],
    // T3
    &[
        elsewhere(
            "tests/wire/guards.rs",
            "a_guard_that_cannot_find_out_is_neither_yes_nor_no",
            &["T3"],
            "`unless`, `only_if` or the check of `manual`: not found, killed, syntax error",
        ),
        elsewhere(
            "tests/wire/guards.rs",
            "a_guard_that_can_no_longer_find_out_fails_the_step_that_ran",
            &["T3"],
            "the same after the step has run",
        ),
        elsewhere(
            "tests/wire/guards.rs",
            "a_guard_that_answers_is_believed",
            &["T3"],
            "a guard that treats a missing command itself",
        ),
        elsewhere(
            "tests/kinds/package/host-values.yaml",
            "A package data base that cannot be read is an error, and nothing is installed",
            &["T3"],
            "a package data base that the login user may not read",
        ),
        elsewhere(
            "tests/host/packages.rs",
            "a_data_base_that_the_login_user_may_not_read_is_asked_through_sudo",
            &["T3"],
            "the same with a real rpm, through sudo and without it",
        ),
    ],
    // T4
    &[
        elsewhere(
            "tests/playbooks/err_ids.yml",
            "",
            &["T4"],
            "`when_changed` names a step with a template in its name",
        ),
        elsewhere(
            "tests/wire/debts.rs",
            "a_change_is_owed_to_each_step_until_it_has_acted",
            &["T4"],
            "a step between the change and a step that waits for it fails; that step fails",
        ),
        elsewhere(
            "tests/wire/debts.rs",
            "a_change_is_owed_where_no_step_has_a_check",
            &["T4"],
            "the same without checks, and a rerun",
        ),
        elsewhere(
            "tests/wire/debts.rs",
            "a_change_is_owed_whatever_is_killed",
            &["T4"],
            "the runner is killed in the change, in the step that acts on it, and behind it",
        ),
        elsewhere(
            "tests/wire/debts.rs",
            "a_change_is_owed_to_a_step_that_this_plan_leaves_out_or_skips",
            &["T4"],
            "the step that waits is left out, or skipped by `when` or `only_if`",
        ),
    ],
    // T5
    &[
        elsewhere(
            "tests/kinds/download/origin.yaml",
            "Another address than the one that a file came from needs a change",
            &["T5"],
            "a download with another address than before",
        ),
        elsewhere(
            "tests/kinds/archive/origin.yaml",
            "Another archive for the same path is unpacked, and what only the old one brought goes",
            &["T5"],
            "an archive with another address than before",
        ),
        elsewhere(
            "tests/kinds/exports.rs",
            "a_file_that_start_up_files_read_is_asked_about_once_it_has_changed",
            &["T5"],
            "a file that a start-up file reads changes after the run",
        ),
        elsewhere(
            "tests/host/users.rs",
            "an_export_for_every_user_is_asked_as_the_login_user",
            &["T5"],
            "the same for every user of a host with a real sshd",
        ),
        elsewhere(
            "tests/kinds/export/undone.yaml",
            "What the shells get from elsewhere does not win",
            &["T5"],
            "a start-up file undoes an exported variable in a form that no text shows; lines of every form stand beside it",
        ),
        elsewhere(
            "tests/kinds/export/undone.yaml",
            "What cannot be undone is named",
            &["T5"],
            "the file and the line that undo an exported variable are named",
        ),
        elsewhere(
            "tests/kinds/export/undone.yaml",
            "A start-up file that waits for something is an outcome",
            &["T5", "H18"],
            "a start-up file hangs while a new shell is asked",
        ),
    ],
    // T6
    &[
        elsewhere("tests/playbooks/err_creates_pattern.yml", "", &["T6"], "a pattern as the path of `creates`"),
        elsewhere(
            "tests/kinds/command/creates.yaml",
            "A path that a command printed is not read as a pattern",
            &["T6", "H15"],
            "a registered pattern as the path of `creates`",
        ),
        elsewhere(
            "tests/host/packages.rs",
            "yum_and_the_check_understand_a_version_alike",
            &["T6"],
            "versions, epochs and replaced names with a real dnf",
        ),
        elsewhere(
            "tests/host/packages.rs",
            "apt_and_the_check_understand_a_version_alike",
            &["T6"],
            "versions with a real apt",
        ),
        elsewhere(
            "tests/host/packages.rs",
            "a_package_file_is_asked_by_the_name_inside",
            &["T6"],
            "a package file under another name, and an address",
        ),
        elsewhere(
            "tests/kinds/package/refused.yaml",
            "A pattern",
            &["T6"],
            "a pattern as a package; groups, versions in names and relative paths stand beside it",
        ),
        elsewhere(
            "tests/kinds/kafka_topics/late-list.yaml",
            "A list that lags behind a creation is asked again",
            &["T6"],
            "a cluster's list that lags behind a creation",
        ),
        elsewhere(
            "tests/kinds/kafka_topics/late-list.yaml",
            "A topic that is there and may not be described is an outcome that says so",
            &["T6"],
            "a topic that the client may not describe",
        ),
    ],
    // T7
    &[
        elsewhere("tests/playbooks/err_changes.yml", "", &["T7"], "a step that only asks says what it cannot mean"),
        elsewhere(
            "tests/wire/debts.rs",
            "a_step_that_only_asks_is_asked_each_time_and_changes_nothing",
            &["T7"],
            "a run and `--check` of a step with `changes: false`",
        ),
    ],
    // T8
    &[elsewhere(
        "tests/playbooks/err_vars_file.yml",
        "",
        &["T8"],
        "names and values in files, `-e` and the environment",
    )],
    // X9
    &[
        elsewhere(
            "tests/wire/umask.rs",
            "steps_have_the_umask_of_the_login_and_the_record_is_private",
            &["X9"],
            "the login's umask is 022, 027, 077 or 002",
        ),
        elsewhere(
            "tests/wire/users.rs",
            "sudo_makes_of_the_logins_umask_what_it_makes_of_it_in_a_login",
            &["X9"],
            "the same with sudo and `run_as`",
        ),
    ],
    // X10
    &[
        elsewhere(
            "tests/kinds/file/special.yaml",
            "A pipe is refused, and nothing waits for it",
            &["X10"],
            "a pipe where a file is wanted",
        ),
        elsewhere("tests/kinds/file/special.yaml", "A masked unit is not written", &["X10"], "a link to /dev/null"),
        elsewhere("tests/kinds/file/special.yaml", "A device is refused", &["X10"], "a device"),
        elsewhere(
            "tests/kinds/file/special.yaml",
            "A file with two names is written in place",
            &["X10"],
            "another name of the file",
        ),
        elsewhere(
            "tests/kinds/file/special.yaml",
            "An ACL and extended attributes stay",
            &["X10"],
            "an ACL and extended attributes",
        ),
        elsewhere(
            "tests/kinds/file/no-folder.yaml",
            "A missing folder is made, and the check says so",
            &["X10"],
            "no parent directory",
        ),
        elsewhere(
            "tests/kinds/archive/hostile.yaml",
            "The oldest form of tar is known",
            &["X10"],
            "an archive of 1979",
        ),
    ],
    // X11
    &[
        elsewhere(
            "tests/kinds/package/host-values.yaml",
            "The user's own macros do not reach rpm",
            &["X11"],
            "macros of rpm in the user's home",
        ),
        elsewhere(
            "tests/kinds/download/settings.yaml",
            "The user's own settings do not reach the programs that fetch",
            &["X11"],
            "settings of curl, wget and GNU programs",
        ),
        elsewhere(
            "tests/kinds/download/settings.yaml",
            "Files in the directory of the step do not take the place of Python's own modules",
            &["X11"],
            "files with names of Python's modules",
        ),
        elsewhere(
            "tests/kinds/download/settings.yaml",
            "A function of the login does not take the place of a program",
            &["X11"],
            "exported functions with names of programs",
        ),
    ],
    // X12
    &[
        elsewhere(
            "tests/kinds/download/led-down.yaml",
            "A redirection to ftp is refused",
            &["X12"],
            "a redirection to ftp, with each program that fetches",
        ),
        elsewhere(
            "tests/kinds/download/led-down.yaml",
            "A password in an address is not shown, whatever it holds",
            &["X12"],
            "an address with a password in which stand @ and /",
        ),
    ],
    // H13
    &[
        elsewhere(
            "tests/kinds/hostile.rs",
            "no_hostile_user_bends_what_root_does",
            &["H13"],
            "a user replaces whatever appears in her home and in shared directories, with each kind and the real sudo",
        ),
        elsewhere(
            "tests/host/users.rs",
            "root_neither_reads_nor_writes_the_start_up_files_of_another_user",
            &["H13"],
            "start-up files of the login user, with `sudo: true`",
        ),
        elsewhere(
            "tests/kinds/file/other-owner.yaml",
            "A link in a directory of another user leads root nowhere",
            &["H13"],
            "a link of another user, with `file`",
        ),
        elsewhere(
            "tests/kinds/file/other-owner.yaml",
            "A file in a directory of another user is not root's",
            &["H13"],
            "`owner: root` in the directory of another user",
        ),
        elsewhere(
            "tests/kinds/file/other-owner.yaml",
            "Root does not work where every user can write",
            &["H13"],
            "a directory in which every user can write",
        ),
        elsewhere(
            "tests/kinds/download/other-owner.yaml",
            "A link in a directory of another user leads root nowhere",
            &["H13"],
            "a link of another user, with `download`",
        ),
        elsewhere(
            "tests/kinds/archive/hostile.yaml",
            "Root unpacks into a directory of another user as that user",
            &["H13"],
            "`archive` into the directory of another user",
        ),
    ],
    // H14
    &[
        elsewhere(
            "tests/kinds/archive/nothing-outside.yaml",
            "A hard link to a file outside is refused",
            &["H14"],
            "a hard link to a file outside",
        ),
        elsewhere(
            "tests/kinds/archive/nothing-outside.yaml",
            "A second archive writes nothing through a link of the first",
            &["H14"],
            "a link of one archive and a file of the next below it",
        ),
        elsewhere(
            "tests/kinds/archive/nothing-outside.yaml",
            "Links that lie where the files of an archive come are replaced and not followed",
            &["H14"],
            "links that were there before, where files come",
        ),
        elsewhere(
            "tests/kinds/archive/nothing-outside.yaml",
            "A zip archive leaves its directory by no name, and nothing of it runs as its owner",
            &["H14"],
            "a zip archive with a link, a set-id bit and a name with `..`",
        ),
        elsewhere(
            "tests/kinds/archive/hostile.yaml",
            "Nothing is written through a link that the archive brings, with leading directories left away",
            &["H14"],
            "a link and a file below it, with `strip`",
        ),
        elsewhere(
            "tests/kinds/archive/hostile.yaml",
            "Nothing is written through a link that was there before",
            &["H14"],
            "a link that was there before",
        ),
        elsewhere("tests/kinds/archive/hostile.yaml", "A device is not made", &["H14"], "a device"),
        elsewhere(
            "tests/kinds/archive/hostile.yaml",
            "No file of an archive runs as its owner, and directories that no user may write in are unpacked",
            &["H14"],
            "set-id bits, and directories of mode 0555",
        ),
    ],
    // H15
    &[
        elsewhere(
            "tests/kinds/download/on-host.yaml",
            "A registered address with a line feed is refused",
            &["H15"],
            "a registered address with a line feed in it",
        ),
        elsewhere(
            "tests/kinds/file/on-host.yaml",
            "A registered owner is not an option",
            &["H15"],
            "a registered owner that is an option",
        ),
        elsewhere(
            "tests/kinds/odd_values.rs",
            "no_field_takes_a_value_for_more_than_its_characters",
            &["H15"],
            "a list of odd values through variables, secrets, loops and registered values into every field of every kind",
        ),
        elsewhere(
            "tests/kinds/odd_values.rs",
            "what_is_data_arrives_letter_by_letter",
            &["H15"],
            "the same values where they are data, under every shell",
        ),
        elsewhere(
            "tests/kinds/package/host-values.yaml",
            "A name that a command printed is not taken for an option",
            &["H15"],
            "a registered package name that is an option",
        ),
        elsewhere(
            "tests/kinds/kafka_topics/late-list.yaml",
            "A topic's name that a command printed is not taken for an option",
            &["H15"],
            "a registered topic that is an option",
        ),
        elsewhere(
            "tests/host/users.rs",
            "a_registered_user_obeys_the_rule_of_a_written_one",
            &["H15"],
            "a registered user that sudo would read as root",
        ),
    ],
    // H16
    &[],
    // H17
    &[elsewhere(
        "tests/wire/users.rs",
        "no_other_user_can_hold_the_lock_of_the_host",
        &["H17"],
        "another user opens and holds what the lock was; the runner is killed; root has the lock",
    )],
    // H18
    &[
        elsewhere(
            "src/engine/host/tests.rs",
            "a_host_that_greets_and_closes_each_connection_is_given_up",
            &["H18"],
            "a host says hello and closes, on each connection",
        ),
        elsewhere(
            "src/engine/host/tests.rs",
            "a_host_that_always_has_more_to_say_is_given_up",
            &["H18"],
            "a host says on each connection that it has more to say",
        ),
        elsewhere(
            "tests/wire/users.rs",
            "a_sudo_that_gives_no_answer_is_not_waited_for",
            &["H18"],
            "sudo hangs before the first step; it is stopped meanwhile",
        ),
        elsewhere(
            "tests/kinds/export/refused.yaml",
            "A pipe as a start-up file",
            &["H18"],
            "a start-up file is a pipe",
        ),
    ],
    // H19
    &[
        elsewhere(
            "src/secret/masker/tests.rs",
            "the_beginning_of_a_secret_at_a_cut_is_hidden",
            &["H19"],
            "an argument list or a body that is cut in the middle of a secret, at each place",
        ),
        elsewhere(
            "src/engine/interpret/cut_tests.rs",
            "no_piece_of_a_secret_is_shown_at_any_cut",
            &["H19"],
            "each place that cuts what a host sent, at each byte: one line and several, characters of one byte and of more",
        ),
        elsewhere(
            "src/secret/masker/tests.rs",
            "dumps_and_double_encodings_show_nothing_of_a_secret",
            &["H19"],
            "`od`, `xxd`, `hexdump`, `fold`, another case, base32, and what is encoded twice, as the programs print it",
        ),
    ],
    // W20
    &[
        elsewhere(
            "tests/host/packages.rs",
            "apt_without_name_resolution_says_so",
            &["W20"],
            "apt without name resolution",
        ),
        elsewhere(
            "tests/host/users.rs",
            "an_account_without_a_home_starts_in_the_root_folder",
            &["W20"],
            "`run_as` a user without a home",
        ),
    ],
    // W21
    &[],
    // W22
    &[
        elsewhere("tests/playbooks/err_ansible.yml", "", &["W22"], "words of Ansible"),
        elsewhere("tests/playbooks/err_values.yml", "", &["W22"], "another variable in a value of `env`"),
        elsewhere(
            "tests/faults/input.rs",
            "lint_lets_a_shell_read_every_piece_of_shell",
            &["W22"],
            "shell that no shell understands, and a value that YAML cuts",
        ),
        elsewhere(
            "tests/faults/input.rs",
            "no_playbook_exhausts_the_machine_that_reads_it",
            &["W22"],
            "templates, loops and names that need all of the stack, the memory or the time",
        ),
        elsewhere(
            "tests/playbooks/err_ansible_one_line.yml",
            "",
            &["W22"],
            "Ansible's fields in one line, and its words for a state",
        ),
        elsewhere("tests/playbooks/err_invisible.yml", "", &["W22"], "characters that a reader does not see"),
        elsewhere("tests/playbooks/err_loop_when.yml", "", &["W22"], "undefined items of a loop that does not run"),
        elsewhere(
            "tests/faults/input.rs",
            "what_is_not_a_file_is_refused_and_never_waited_for",
            &["W22"],
            "pipes and devices as files, and a misspelt playbook",
        ),
    ],
    // W23
    &[
        elsewhere(
            "tests/rehearse_cli.rs",
            "the_milestone_passes_with_cuts_as_well",
            &["W23"],
            "`rehearse playbooks/milestone1.yaml --cut`",
        ),
        elsewhere(
            "tests/rehearse_cli.rs",
            "where_the_loopback_is_down_there_is_no_verdict",
            &["W23"],
            "a machine whose loopback interface is down",
        ),
        elsewhere(
            "tests/rehearse_cli.rs",
            "a_rehearsal_that_is_stopped_gives_no_verdict",
            &["W23"],
            "Ctrl-C during the first run",
        ),
        elsewhere(
            "tests/rehearse_cli.rs",
            "a_rehearsal_that_is_stopped_at_any_time_ends_in_order",
            &["W23"],
            "Ctrl-C, SIGTERM and a closed terminal while the host is made, and in the last step",
        ),
        elsewhere(
            "tests/rehearse_cli.rs",
            "where_the_host_itself_ends_there_is_no_verdict",
            &["W23"],
            "the throw-away host ends in the middle of a run",
        ),
        elsewhere(
            "tests/rehearse_cli.rs",
            "a_rehearsal_leaves_no_process_of_its_own_behind",
            &["W23"],
            "what is left when the command ends",
        ),
        elsewhere(
            "tests/commands.rs",
            "every_command_of_the_documents_is_typed_as_it_stands",
            &["W23"],
            "every command of README and docs",
        ),
        elsewhere("tests/commands.rs", "every_flag_of_the_help_is_typed", &["W23"], "every flag of every `--help`"),
    ],
    // W24
    &[],
    // W25
    &[],
    // W26
    &[],
    // W27
    &[
        elsewhere(
            "tests/language.rs",
            "a_step_has_one_number_in_the_whole_and_in_a_part",
            &["W27"],
            "a loop, and parts of the steps",
        ),
        elsewhere(
            "tests/survive/attach.rs",
            "steps_have_the_numbers_of_the_run_without_its_playbook",
            &["W27"],
            "`attach` without the playbook",
        ),
    ],
    // W28
    &[elsewhere(
        "tests/wire.rs",
        "a_part_of_a_steps_shell_is_not_shown_with_the_text_that_starts_it",
        &["W28"],
        "what is left running is named without pinboot's own text",
    )],
];

/// Tests that cover rows A to E.
const CASES: &[Case] = &[
    elsewhere(
        "tests/torture.rs",
        "whatever_dies_the_run_ends_as_an_undisturbed_one",
        &["B1", "B4", "B5", "B7", "B16", "E3"],
        "every process dies, the connection is cut at any byte and the power fails, at random from a seed, under five shells",
    ),
    elsewhere(
        "tests/torture.rs",
        "at_every_named_point_a_death_changes_nothing",
        &["B5", "B7"],
        "the runner dies at each named point",
    ),
    elsewhere(
        "tests/torture.rs",
        "a_controller_that_dies_at_any_of_its_events_is_followed_by_another",
        &["E3"],
        "SIGKILL at each event",
    ),
    elsewhere(
        "tests/torture.rs",
        "a_hundred_megabytes_come_whole_through_a_hundred_cuts",
        &["B1", "B11"],
        "100 MB through 100 cuts",
    ),
    elsewhere(
        "tests/machine/reboot.rs",
        "after_a_reboot_step_the_next_step_runs_in_the_new_boot",
        &["B6"],
        "a virtual machine with systemd",
    ),
    elsewhere(
        "tests/machine/reboot.rs",
        "after_a_restart_during_a_step_its_check_decides_or_the_outcome_is_unknown",
        &["B5"],
        "a virtual machine: `reboot -f` in a step with a check, the reset button in one without",
    ),
    elsewhere(
        "tests/machine/power.rs",
        "at_each_sync_a_power_cut_loses_nothing_and_repeats_nothing",
        &["B7"],
        "a virtual machine is switched off before and after each sync and rename of the record",
    ),
    elsewhere(
        "tests/machine/power.rs",
        "a_check_finds_the_unsynced_effect_of_a_step_that_was_lost",
        &["B7"],
        "the step's own writes are lost, its result is not",
    ),
    elsewhere(
        "tests/machine/read_only.rs",
        "the_running_step_is_reported_and_no_other_is_started",
        &["C3"],
        "an emergency remount, and an ext4 that detects an error, during a step",
    ),
    elsewhere(
        "tests/machine/read_only.rs",
        "a_step_whose_result_cannot_be_stored_is_not_started",
        &["C3"],
        "the same during a check",
    ),
    elsewhere(
        "tests/machine/read_only.rs",
        "a_connection_that_is_lost_meanwhile_is_restored",
        &["C3"],
        "the connection is lost as well",
    ),
    elsewhere(
        "tests/machine/read_only.rs",
        "a_runner_that_dies_then_leaves_a_step_with_an_unknown_outcome",
        &["C3"],
        "the runner dies as well",
    ),
    elsewhere(
        "tests/machine/clock.rs",
        "no_decision_depends_on_the_clock",
        &["C7"],
        "a year ahead, two years back, in a step during which the connection is lost",
    ),
    elsewhere(
        "tests/machine/login.rs",
        "a_run_of_a_user_with_sudo_outlives_its_login",
        &["C12"],
        "systemd-logind with KillUserProcesses=yes",
    ),
    elsewhere(
        "tests/survive/fetch.rs",
        "a_cut_in_the_middle_is_continued_at_its_byte",
        &["B1"],
        "the connection is cut while a file is fetched",
    ),
    elsewhere(
        "tests/survive/fetch.rs",
        "a_killed_pinboot_is_followed_by_one_that_takes_the_rest",
        &["B1"],
        "pinboot is killed while it fetches a file",
    ),
    elsewhere(
        "tests/survive/fetch.rs",
        "a_full_disk_here_ends_the_taking_and_not_the_run",
        &["E4"],
        "this machine's disk is full while a file is fetched",
    ),
    elsewhere(
        "tests/survive/fetch.rs",
        "a_host_that_lies_writes_nothing_outside_of_the_target",
        &["T1"],
        "the host names paths outside of the target, or gives other bytes than it has announced",
    ),
    elsewhere(
        "tests/survive/fetch.rs",
        "a_host_that_sends_without_end_is_left",
        &["T1"],
        "the host sends files without an end",
    ),
    elsewhere("tests/survive/reboot.rs", "the_run_goes_on_in_the_next_boot", &["B6"], "a requested restart"),
    elsewhere(
        "tests/survive/reboot.rs",
        "a_host_that_does_not_reboot_in_time_is_a_failure",
        &["B6"],
        "a requested restart that does not happen",
    ),
    elsewhere(
        "tests/survive/reboot.rs",
        "a_rerun_sees_the_reboot_through",
        &["B6", "E3"],
        "the controller dies meanwhile",
    ),
    elsewhere("tests/survive/together.rs", "of_twenty_at_once_one_runs_and_the_others_name_it", &["E7"], "20 at once"),
    elsewhere("tests/survive/together.rs", "a_host_that_another_run_has_is_refused_or_waited_for", &["E7"], "`--wait`"),
    elsewhere(
        "tests/survive/cancel.rs",
        "what_lives_all_the_same_is_named",
        &["B18"],
        "a process that does not end at all",
    ),
    elsewhere("tests/survive/unknown.rs", "what_is_assumed_not_done_runs_again", &["B5"], "`--assume not-done`"),
    elsewhere(
        "tests/survive/attach.rs",
        "a_run_is_followed_without_its_journal",
        &["E3"],
        "another machine takes over",
    ),
    elsewhere("tests/kinds/packages.rs", "cloud_init_is_waited_for_and_named", &["C10"], "cloud-init is still running"),
    elsewhere(
        "tests/ssh/login.rs",
        "tinysshd_accepts_ed25519_and_no_rsa",
        &["A6"],
        "the transport alone, against tinysshd",
    ),
    elsewhere(
        "tests/ssh/known_hosts.rs",
        "never_weaker_than_openssh",
        &["A10"],
        "real `ssh` is asked about the same files",
    ),
    elsewhere(
        "src/transport/ssh/known_hosts/tests.rs",
        "finds_what_ssh_keygen_finds_in_five_hundred_files",
        &["A10"],
        "500 generated files, with `ssh-keygen -F` as the judge",
    ),
    elsewhere(
        "tests/ssh/known_hosts.rs",
        "several_files_are_combined_and_an_unreadable_one_refuses_the_host",
        &["A11"],
        "an unreadable file, and a folder",
    ),
    elsewhere(
        "src/transport/ssh/known_hosts/tests.rs",
        "bad_lines_are_skipped_and_counted",
        &["A11"],
        "malformed lines",
    ),
    elsewhere(
        "src/transport/ssh/known_hosts/tests.rs",
        "fifty_writers_at_once_write_complete_lines",
        &["A12"],
        "50 processes add keys at once",
    ),
    elsewhere(
        "src/transport/ssh/known_hosts/tests.rs",
        "a_full_disk_is_an_error_and_leaves_no_incomplete_line",
        &["A12"],
        "a full disk",
    ),
    elsewhere("tests/ssh/unreachable.rs", "each_address_is_tried_and_named", &["A13"], "several addresses"),
    elsewhere(
        "tests/ssh/unreachable.rs",
        "errors_before_the_banner",
        &["A14", "A15", "A18"],
        "silence, one byte at a time, HTTP, SMTP, a long line, many lines, a penalty",
    ),
    elsewhere("tests/ssh/unreachable.rs", "too_many_logins_at_once_can_be_retried", &["A17"], "MaxStartups 1"),
    elsewhere("tests/ssh/streams.rs", "a_cut_or_a_flipped_bit_is_never_a_normal_end", &["A24", "B1"], "24 places"),
    elsewhere("tests/ssh/streams.rs", "a_host_that_falls_silent_is_noticed", &["B2"], "stopped sessions"),
    elsewhere(
        "tests/ssh/streams.rs",
        "a_rekey_during_a_transfer_loses_nothing",
        &["B10"],
        "30 MB to the host, 20 MB back",
    ),
    elsewhere("tests/ssh/streams.rs", "a_slow_reader_loses_neither_bytes_nor_the_connection", &["B22"], "30 MB"),
    elsewhere(
        "tests/kinds/download/digesters.yaml",
        "Every program that computes a digest finds the right one",
        &["C8"],
        "sha256sum, shasum, openssl, …",
    ),
    elsewhere(
        "tests/kinds/download/fetchers.yaml",
        "A server that is busy for a moment is asked again",
        &["C8", "C11"],
        "curl, wget, BusyBox",
    ),
    elsewhere(
        "tests/kinds/packages.rs",
        "a_lock_that_is_not_given_back_is_named_and_left_alone",
        &["C10"],
        "held without end",
    ),
    elsewhere("tests/kinds/packages.rs", "a_stale_lock_holds_no_step_up", &["C10"], "a stale lock"),
    elsewhere("tests/kinds/packages.rs", "the_kernel_says_who_holds_apts_lock", &["C10"], "apt's own lock"),
    elsewhere("src/journal/tests.rs", "after_a_failed_write_nothing_more_is_promised", &["E5"], "a write that fails"),
    elsewhere(
        "src/journal/tests.rs",
        "a_journal_cut_at_any_byte_is_a_shorter_one_and_can_be_continued",
        &["E6"],
        "cut at each byte",
    ),
    elsewhere("src/journal/tests.rs", "a_flipped_bit_never_makes_a_step_done", &["E6"], "each bit flipped"),
    elsewhere(
        "src/journal/tests.rs",
        "a_line_that_is_missing_or_from_the_future_is_refused",
        &["E6"],
        "lines missing or too new",
    ),
    elsewhere("src/journal/tests.rs", "one_process_writes_a_run_at_a_time", &["E8"], "the journal's lock"),
    elsewhere("src/journal/tests.rs", "a_state_folder_that_others_can_change_is_refused", &["E12"], "modes and owners"),
];

/// All of them.
pub(super) fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(BY_ROW.iter().copied().flatten())
}

const fn elsewhere(
    file: &'static str,
    test: &'static str,
    rows: &'static [&'static str],
    broken: &'static str,
) -> Case {
    Case { file, test, rows, broken, seen: Seen::Text("", "") }
}
