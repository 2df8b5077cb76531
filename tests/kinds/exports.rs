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
