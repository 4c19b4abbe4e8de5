//! Conflict markers that a resolution left. Pure.
//!
//! A line that begins like a marker is accepted where one of the two sides had it already: some
//! files document merges. Not here: which files are looked at ([`mod@crate::push::build`]).

use std::collections::BTreeSet;

/// What a marker line begins with; the line of `=` alone is too common in ordinary text.
const MARKERS: [&[u8]; 3] = [b"<<<<<<< ", b"||||||| ", b">>>>>>> "];

/// The first marker line of `content` that none of `sides` has.
pub fn left<'a>(content: &'a [u8], sides: &[Vec<u8>]) -> Option<&'a [u8]> {
    let known: BTreeSet<&[u8]> = sides.iter().flat_map(|side| markers(side)).collect();
    markers(content).find(|line| !known.contains(line))
}

fn markers(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = content.split(|&byte| byte == b'\n');
    lines.filter(|line| MARKERS.iter().any(|marker| line.starts_with(marker)))
}

#[cfg(test)]
mod tests {
    use super::left;

    #[test]
    fn a_marker_that_no_side_had_is_found() {
        let sides = [b"<<<<<<< HEAD\nx\n".to_vec(), b"y\n".to_vec()];
        for (content, found) in [
            (&b"a\nb\n"[..], None),
            (b"a\n<<<<<<< onto\nb\n", Some(&b"<<<<<<< onto"[..])),
            (b"||||||| 1234567\n", Some(b"||||||| 1234567")),
            (b"b\n>>>>>>> task", Some(b">>>>>>> task")),
            (b"<<<<<<< HEAD\nx\n", None),
            (b"a <<<<<<< onto\n", None),
            (b"<<<<<<<\n=======\n", None),
        ] {
            assert_eq!(left(content, &sides), found);
        }
    }
}
