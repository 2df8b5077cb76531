//! `export` for every user of the host, whose files no test may write.

use pinboot::event::Mode;
use pinboot::kinds::helpers;
use pinboot::plan::{Action, RunAs};
use pinboot::script::Text;

use super::world::{World, shells};

#[test]
fn the_file_for_every_session_has_a_syntax_of_its_own() {
    let functions: String = helpers(&["export_list export_print"]).into_iter().map(|(_, body)| body).collect();
    let text = format!(
        "pb_home=$HOME\n{functions}pb_list=\nexport_list A '/it is' B ''\npb_one=\"env $pb_home/environment\"\nexport_print"
    );
    for shell in shells() {
        let world = World::new(shell);
        world.write("environment", "PATH=\"/usr/bin\"\nA=/by/hand\n");
        let block = "# >>> pinboot export: set by a playbook, changes here are lost >>>\nA=\"/it is\"\nB=\"\"\n# <<< pinboot export <<<\n";
        let expected = format!("{block}PATH=\"/usr/bin\"\nA=/by/hand\n{block}");
        assert_eq!(world.output(&["sh", "-euc", &text]), expected, "{shell:?}");
    }
}

#[test]
fn the_files_of_every_user_need_root() {
    let world = World::new(shells()[0]);
    let plan = world.steps("  - name: Make it last\n    export: { A: x, scope: system }", Mode::Run);
    let Action::Apply(spec) = &plan.steps[0].action else { panic!("it is not skipped") };
    assert!(spec.recipe.needs_root);
    assert_eq!(spec.run_as, RunAs::RootToApply);
    assert_eq!(spec.recipe.exports(), [("A".to_owned(), Text::from("x"))]);
}

#[test]
fn a_file_that_start_up_files_read_is_asked_about_once_it_has_changed() {
    for shell in shells() {
        let world = World::new(shell);
        let count = || world.read("asked").lines().count();
        world.write(".bashrc", "echo asked >> ~/asked\n. ~/env.sh\n");
        world.write("env.sh", "EDITOR=vi\n");
        let step = "  - name: Make it last\n    export: { CLASSPATH: /new.jar }";
        assert_eq!(world.run(step).step().outcome, "changed", "{shell:?}");
        let asked = count();
        assert!(asked > 0, "{shell:?}: bash reads its start-up file");
        assert_eq!(world.run(step).step().outcome, "unchanged", "{shell:?}");
        assert_eq!(count(), asked, "{shell:?}: nothing has changed since the last answer");
        // The right answer is remembered as well.
        world.write("env.sh", "EDITOR=ed\n");
        assert_eq!(world.run(step).step().outcome, "unchanged", "{shell:?}");
        assert!(count() > asked, "{shell:?}: the shells are asked again");
        world.write("env.sh", "EDITOR=ed\nCLASSPATH=/old.jar\n");
        let heard = world.run(step);
        let step = heard.step();
        assert_eq!(step.outcome, "changed", "{shell:?}: {step:?}");
        assert!(step.diff.contains("/old.jar, in a command by ssh (bash): line 2 of ~/env.sh sets it"), "{step:?}");
        let print = world.output(&["env", "SSH_CLIENT=127.0.0.1 1 22", "SHLVL=0", "bash", "-c", "echo $CLASSPATH"]);
        assert_eq!(print.trim_end(), "/new.jar", "{shell:?}");
    }
}
