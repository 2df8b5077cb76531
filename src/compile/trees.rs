//! The local files and folders that steps send: read once all fields of the step are known.

use crate::kinds::{Arg, ArgValue, Kind, Shape};
use crate::playbook::TreeReader;
use crate::render::renderer::Renderer;
use crate::source::{Diagnostic, Span};

type Fields = Vec<(&'static str, Span, Arg)>;

/// Puts what is there in the place of each path; false where something of it cannot be sent, which has been reported.
pub(super) fn read(renderer: &mut Renderer<'_>, fields: &mut Fields, kind: &Kind, trees: &TreeReader) -> bool {
    let is_tree = |name: &str| kind.fields.iter().any(|field| field.name == name && field.shape == Shape::LocalTree);
    if !fields.iter().any(|(name, _, _)| is_tree(name)) {
        return true;
    }
    let exclude = excluded(fields);
    let mut is_good = true;
    for (_, _, arg) in fields.iter_mut().filter(|(name, _, _)| is_tree(name)) {
        let ArgValue::Text(path) = &arg.value else { continue };
        match trees(path.raw(), &exclude) {
            Ok(tree) => arg.value = ArgValue::Tree(tree),
            Err(faults) => {
                is_good = false;
                for fault in faults {
                    let error = Diagnostic::error(arg.span, format!("`{}` cannot be sent: {fault}", path.raw()));
                    renderer.diagnostics.push(error.hint(
                        "paths are looked up in the playbook's folder, then in the working directory; `exclude` leaves entries of a folder out",
                    ));
                }
            }
        }
    }
    is_good
}

/// The patterns of what is left out.
fn excluded(fields: &Fields) -> Vec<String> {
    let given = fields.iter().find(|(name, _, _)| *name == "exclude");
    let Some((_, _, Arg { value: ArgValue::List(list), .. })) = given else { return Vec::new() };
    let text = |arg: &Arg| if let ArgValue::Text(text) = &arg.value { text.literal().map(str::to_owned) } else { None };
    list.iter().filter_map(text).collect()
}
