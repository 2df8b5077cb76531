//! A plan that goes past a login shell which reads standard input.

use pinboot::kinds::{Content, Effect, Recipe};
use pinboot::plan::StepSpec;
use pinboot::remote::frame::{Frame, Unfit};
use pinboot::remote::{Delivery, ExecSize, Pieces, program};
use pinboot::script::Script;
use pinboot::secret::Secret;
use pinboot::transport::Exec;

use super::{Host, on_each_shell, plan, work};

#[test]
fn a_plan_in_pieces_and_padded_secrets_arrive() {
    on_each_shell(|host| {
        let bytes: Vec<u8> =
            (0..15_000_u32).flat_map(|n| [b'0' + u8::try_from(n % 10).expect("a digit"), 0, b'\\', b'\'']).collect();
        let recipe = Recipe { effect: Effect::Content(Content::Bytes(bytes.clone())), ..Recipe::default() };
        let recipe = Recipe { apply: Script::author("pb_content >content"), ..recipe };
        let mut steps = plan(vec![StepSpec { recipe, ..work("") }, work("printf %s \"$pb_s_token\" >token")]);
        steps.secrets = vec![("token".to_owned(), Secret::new("a 'secret' word".to_owned()))];
        let identity = host.identity(1);
        let program = program(&steps, &identity);
        let store = |size| {
            let pieces = Pieces::of(&program, &identity, size);
            for number in 1..=pieces.count() {
                let heard = host.exec(&pieces.exec(&identity, number), &[]);
                assert_eq!(heard.frames, [Frame::PieceStored(number)], "{heard:#?}");
            }
            Delivery::new(&program, &identity, &steps.secrets).exec_past_login(true)
        };
        // All of standard input was read by something else: the claim and the pieces are gone again.
        let heard = host.exec(&Exec { stdin: Vec::new(), ..store(ExecSize::Long) }, &[]);
        assert!(matches!(heard.frames[..], [Frame::Unfit(Unfit::Record(_))]), "{heard:#?}");
        assert_eq!(left(host), ["runs"]);
        // A part of the padding was.
        let exec = store(ExecSize::Short);
        let heard = host.exec(&Exec { stdin: exec.stdin[8192..].to_vec(), ..exec }, &[]);
        assert_eq!(heard.end(), "ok", "{heard:#?}");
        assert!(heard.frames.contains(&Frame::Hello { new: true, over: false, machine_id: None }), "{heard:#?}");
        assert_eq!(host.read("token"), "a 'secret' word");
        assert_eq!(std::fs::read(host.path("content")).expect("a file"), bytes);
        assert!(!left(host).iter().any(|name| name.starts_with("piece")), "{:?}", left(host));
    });
}

/// What is in the record's folder.
fn left(host: &Host) -> Vec<String> {
    let entries = std::fs::read_dir(host.path(".pinboot")).expect("the record").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
