//! The guest's clock jumps during a step, and the connection is lost as well.

use crate::guest::{Guest, Init};

#[test]
fn no_decision_depends_on_the_clock() {
    let Some(guest) = Guest::start(Init::Plain) else { return };
    for (jump, years) in [("+1 year", "x\n"), ("-2 years", "x\nx\n")] {
        guest.steps(&format!(
            "
  - name: Jump
    script: |
      echo x >>~/count
      sudo date -s '{jump}'
      sudo pkill -f '[s]shd: ec2-user@' || :
      until pgrep -f '[s]shd: ec2-user@'; do sleep .1; done
    timeout: 5m
    always: true
  - {{ name: After, command: echo y >>~/after, always: true }}
"
        ));
        let result = guest.run(&[]).exits(0);
        result.clone().says(&["reconnected", "2 steps: 2 changed"]);
        let text = result.stdout + &result.stderr;
        assert!(!text.contains(" h ") && !text.contains("reconnected after 0.0 s"), "durations are true: {text}");
        assert_eq!(guest.shell("cat ~/count"), years, "once per run");
    }
    // The run with the later clock is the older one, and both have ended.
    let ends = guest.shell("cat ~/.pinboot/runs/*/end; wc -l <~/after");
    assert_eq!(ends, "ok\nok\n2\n");
}
