//! `file`, where a case would be too large.

use pinboot::event::Mode;

use super::case::Content;
use super::world::{World, shells};

#[test]
fn a_long_diff_is_cut() {
    let local = [("long".to_owned(), Content::OutputOf("yes 'a line of a long file' | head -n 20000".to_owned()))];
    for shell in shells() {
        let world = World::new(shell);
        let playbook = "steps:\n  - name: Write it\n    file: { path: ~/f, src: long }\n";
        let plan = world.plan(playbook, &local, Mode::Check).unwrap_or_else(|refused| panic!("{}", refused.rendered));
        let heard = world.deliver(&plan);
        let diff = &heard.step().diff;
        assert_eq!(heard.outcomes(), ["would change"], "{shell:?}");
        assert!(diff.len() < 66_000 && diff.ends_with("(the rest is not shown)\n"), "{shell:?}: {}", diff.len());
    }
}
