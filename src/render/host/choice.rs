//! `{% if … %}` over what only the host knows: the text is put together there.

use std::ops::Range;

use super::lower::Result;
use super::parse::parse;
use super::{Lowered, refuse};
use crate::host_value::{Condition, Expr};
use crate::render::renderer::Renderer;
use crate::render::syntax::{Segment, Template, TemplateError};
use crate::render::templates::RenderMode;
use crate::script::Text;

/// A part of a template.
enum Part {
    /// Segments that stand beside one another, by their numbers.
    Segments(Range<usize>),
    /// An `if` with its branches; the last one may have no condition.
    If(Vec<(Option<Range<usize>>, Vec<Part>)>),
}

/// The first word of a statement.
fn word<'t>(text: &'t str, inner: &Range<usize>) -> &'t str {
    let words = text[inner.clone()].trim_start();
    words.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or("")
}

/// The condition of an `if` or `elif`: the bytes behind its word.
fn condition_of(text: &str, inner: &Range<usize>) -> Option<Range<usize>> {
    let word = word(text, inner);
    let start = inner.end - text[inner.clone()].trim_start().len();
    matches!(word, "if" | "elif").then(|| start + word.len()..inner.end)
}

impl Renderer<'_> {
    /// Whether one of a template's conditions needs a value that only the host knows.
    pub(crate) fn chooses_on_host(&self, template: &Template<'_>) -> bool {
        template.segments.iter().any(|segment| match segment {
            Segment::Statement { inner, .. } => {
                condition_of(template.text, inner).is_some_and(|range| self.is_range_on_host(template.text, range))
            }
            _ => false,
        })
    }

    /// Refuses conditions of the host inside a loop, which the engine renders as a whole.
    fn refuse_in_loops(&self, template: &Template<'_>) -> Result<()> {
        let mut open = 0usize;
        for segment in &template.segments {
            let Segment::Statement { inner, .. } = segment else { continue };
            match word(template.text, inner) {
                "for" => open += 1,
                "endfor" => open = open.saturating_sub(1),
                _ => {}
            }
            let Some(range) = condition_of(template.text, inner).filter(|_| open > 0) else { continue };
            if self.is_range_on_host(template.text, range.clone()) {
                let message = "the host decides no `if` inside of a loop";
                return Err(refuse(
                    &range,
                    message,
                    "put the loop into each branch of the `if`, or look the value up in a map",
                ));
            }
        }
        Ok(())
    }

    fn is_range_on_host(&self, text: &str, range: Range<usize>) -> bool {
        let mut found = false;
        if let Some(ast) = parse(text, range) {
            ast.each_name(&mut |name| {
                found |= self.is_on_host(name) || (name == "host" && self.host_is_fact());
            });
        }
        found
    }

    /// The text, or the shell, that the host puts together.
    pub(crate) fn chosen_on_host(
        &mut self,
        template: &Template<'_>,
        mode: RenderMode,
    ) -> std::result::Result<String, TemplateError> {
        refuse_bindings(template)?;
        self.refuse_in_loops(template)?;
        let mut at = 0;
        let parts = parts(template, &mut at)?;
        let rendered = self.rendered_parts(template, &parts, mode)?;
        if mode == RenderMode::Text {
            let holes: Vec<String> = rendered.into_iter().map(|(expr, written)| self.hole(expr, &written)).collect();
            return Ok(holes.concat());
        }
        let shell = Expr::join(rendered.into_iter().map(|(expr, _)| expr).collect());
        if let Expr::Text(shell) = shell {
            return Ok(shell);
        }
        let asks = asks_for_a_command(template.text);
        let name = self.keep_value(Expr::Shell(Box::new(shell)));
        self.host.holes = true;
        Ok(format!("eval \"$pb_r_{name}\"{}", if asks { " # command -v" } else { "" }))
    }

    /// Each part as a value, and as it was written.
    fn rendered_parts(
        &mut self,
        template: &Template<'_>,
        parts: &[Part],
        mode: RenderMode,
    ) -> Result<Vec<(Expr, String)>> {
        let mut out = Vec::new();
        for part in parts {
            match part {
                Part::Segments(range) => {
                    let piece = Template {
                        text: template.text,
                        segments: template.segments[range.clone()].to_vec(),
                        statements: template.segments[range.clone()]
                            .iter()
                            .any(|segment| matches!(segment, Segment::Statement { .. })),
                        values: template.values.clone(),
                    };
                    let text = self.templates.render(&piece, mode, &self.context_of(&piece))?;
                    let expr =
                        if mode == RenderMode::Shell { Expr::Text(text) } else { self.text_expr(&Text::new(text))? };
                    out.push((expr, String::new()));
                }
                Part::If(branches) => out.extend(self.rendered_if(template, branches, mode)?),
            }
        }
        Ok(out)
    }

    fn rendered_if(
        &mut self,
        template: &Template<'_>,
        branches: &[(Option<Range<usize>>, Vec<Part>)],
        mode: RenderMode,
    ) -> Result<Vec<(Expr, String)>> {
        let Some(((condition, body), rest)) = branches.split_first() else { return Ok(Vec::new()) };
        let Some(range) = condition else { return self.rendered_parts(template, body, mode) };
        let condition = match self.truth_on_host(template.text, range)? {
            Condition::Known(true) => return self.rendered_parts(template, body, mode),
            Condition::Known(false) => return self.rendered_if(template, rest, mode),
            condition => condition,
        };
        let whole = |parts: Vec<(Expr, String)>| Expr::join(parts.into_iter().map(|(expr, _)| expr).collect());
        let yes = whole(self.rendered_parts(template, body, mode)?);
        let no = whole(self.rendered_if(template, rest, mode)?);
        let written = format!("… if {} else …", template.text[range.clone()].trim());
        Ok(vec![(Expr::Choose(Box::new(condition), Box::new(yes), Box::new(no)), written)])
    }

    fn truth_on_host(&mut self, text: &str, range: &Range<usize>) -> Result<Condition> {
        match self.question_on_host(text, range)? {
            Lowered::Condition(condition) => Ok(condition),
            Lowered::Known(value) => Ok(Condition::Known(value.is_true())),
            Lowered::Expr(expr) => Ok(Condition::Some(expr)),
        }
    }
}

/// Whether a text asks for a command: then a status of 127 is an answer, and a guard looks for these words.
fn asks_for_a_command(text: &str) -> bool {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || ";&|(){}!".contains(c)).collect();
    words.windows(2).any(|pair| matches!(pair, ["command", "-v" | "-V"]))
        || words.iter().any(|word| matches!(*word, "type" | "hash"))
}

/// Refuses names that a statement binds: the branches of an `if` of the host are rendered one by one.
fn refuse_bindings(template: &Template<'_>) -> Result<()> {
    for segment in &template.segments {
        let Segment::Statement { inner, .. } = segment else { continue };
        if !matches!(word(template.text, inner), "if" | "elif" | "else" | "endif" | "for" | "endfor") {
            let message = "a text with an `if` that the host decides has no other statements than `if` and `for`";
            return Err(refuse(inner, message, "declare what `set` or `with` names under `vars:`"));
        }
    }
    Ok(())
}

/// The parts of a template from a segment on, up to the end of the block that they are in.
fn parts(template: &Template<'_>, at: &mut usize) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut start = *at;
    let flush = |start: usize, end: usize, parts: &mut Vec<Part>| {
        if start < end {
            parts.push(Part::Segments(start..end));
        }
    };
    while let Some(segment) = template.segments.get(*at) {
        let word = match segment {
            Segment::Statement { inner, .. } => word(template.text, inner),
            _ => "",
        };
        match word {
            "if" => {
                flush(start, *at, &mut parts);
                parts.push(block(template, at)?);
                start = *at;
            }
            "for" => skip_loop(template, at),
            "elif" | "else" | "endif" => break,
            _ => *at += 1,
        }
    }
    flush(start, *at, &mut parts);
    Ok(parts)
}

/// Passes over a loop, which the engine renders as a whole.
fn skip_loop(template: &Template<'_>, at: &mut usize) {
    let mut open = 0usize;
    while let Some(segment) = template.segments.get(*at) {
        *at += 1;
        if let Segment::Statement { inner, .. } = segment {
            match word(template.text, inner) {
                "for" => open += 1,
                "endfor" => open = open.saturating_sub(1),
                _ => {}
            }
        }
        if open == 0 {
            return;
        }
    }
}

/// An `if` with all its branches, up to behind its `endif`.
fn block(template: &Template<'_>, at: &mut usize) -> Result<Part> {
    let mut branches = Vec::new();
    while let Some(Segment::Statement { inner, .. }) = template.segments.get(*at) {
        *at += 1;
        if word(template.text, inner) == "endif" {
            return Ok(Part::If(branches));
        }
        let condition = condition_of(template.text, inner);
        branches.push((condition, parts(template, at)?));
    }
    Err(refuse(&(0..template.text.len().min(2)), "an `if` is never closed", "close it with `{% endif %}`"))
}
