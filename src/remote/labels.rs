//! The numbers that people know the steps of a plan by, as the host's record has them: `1,2.1-3,5-9`.

use std::fmt::Write as _;

use crate::ids::StepLabel;

/// Labels in their order as one word of digits, dots, commas and dashes; neighbours are written as a range.
pub(super) fn written(labels: impl IntoIterator<Item = StepLabel>) -> String {
    let mut out = String::new();
    let mut last: Option<StepLabel> = None;
    let mut is_range = false;
    for label in labels {
        if last.is_some_and(|last| follows(last, label)) {
            is_range = true;
        } else {
            close(&mut out, last, is_range);
            is_range = false;
            let comma = if out.is_empty() { "" } else { "," };
            write!(out, "{comma}{label}").expect("a string takes all");
        }
        last = Some(label);
    }
    close(&mut out, last, is_range);
    out
}

/// Writes the end of a range.
fn close(out: &mut String, last: Option<StepLabel>, is_range: bool) {
    if let Some(last) = last.filter(|_| is_range) {
        write!(out, "-{}", last.iteration.unwrap_or(last.step)).expect("a string takes all");
    }
}

/// Whether a label is the next one in a row of steps, or of iterations of one step.
fn follows(last: StepLabel, label: StepLabel) -> bool {
    match (last.iteration, label.iteration) {
        (None, None) => label.step == last.step + 1,
        (Some(earlier), Some(later)) => label.step == last.step && later == earlier + 1,
        _ => false,
    }
}

/// Reads the labels of so many steps; `None` if these are not as many.
pub(super) fn read(text: &str, count: usize) -> Option<Vec<StepLabel>> {
    let mut labels = Vec::new();
    for part in text.split(',') {
        let (first, end) = part.split_once('-').map_or((part, None), |(first, end)| (first, Some(end)));
        let first = StepLabel::parse(first)?;
        let from = first.iteration.unwrap_or(first.step);
        let end = end.map_or(Some(from), |end| end.parse().ok().filter(|end| *end > from))?;
        if usize::try_from(end - from).ok()? >= count - labels.len() {
            return None;
        }
        labels.extend((from..=end).map(|number| match first.iteration {
            Some(_) => StepLabel { iteration: Some(number), ..first },
            None => StepLabel::plain(number),
        }));
    }
    (labels.len() == count).then_some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(texts: &str) -> Vec<StepLabel> {
        texts.split(' ').map(|text| StepLabel::parse(text).expect(text)).collect()
    }

    #[test]
    fn labels_are_read_as_they_were_written() {
        for (list, text) in [
            ("1", "1"),
            ("1 2 3", "1-3"),
            ("3 5 6", "3,5-6"),
            ("1 2.1 2.2 2.3 3 4", "1,2.1-3,3-4"),
            ("2.1 3.2 3.3", "2.1,3.2-3"),
            ("2.3 2.5", "2.3,2.5"),
        ] {
            let list = labels(list);
            assert_eq!(written(list.clone()), text);
            assert_eq!(read(text, list.len()), Some(list));
        }
        assert_eq!(written([]), "");
    }

    #[test]
    fn what_a_host_made_up_is_not_believed() {
        for text in ["", "1-2", "1-4", "1-4000000000", "4-1", "0", "a", "1,,2", "1,2", "1.1-0", "1-2-3"] {
            assert_eq!(read(text, 3), None, "{text}");
        }
    }
}
