//! A chart of one bar a day, as SVG with a table beside it for those who do not see it.
//!
//! The picture is stretched to its place, so its texts are HTML around it. Not here: what the bars
//! stand for ([`super::charts`]).

use maud::{Markup, html};

/// Height of the picture in its own units.
const HEIGHT: u64 = 1000;
/// Width of a day in the picture's units.
const DAY: usize = 10;
/// The least that is seen of something.
const LEAST: u64 = 12;

/// A chart.
pub struct Chart {
    /// Names it among those of its page.
    pub id: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// The same in a sentence, with its sums.
    pub description: Markup,
    /// Class and word of each part of a bar, the lowest first.
    pub parts: &'static [(&'static str, &'static str)],
    /// A bar a day.
    pub bars: Vec<Bar>,
    /// A size as it is written at the top of the picture.
    pub scale: fn(u64) -> String,
}

/// A bar.
pub struct Bar {
    /// Its day.
    pub day: String,
    /// The list of what it stands for.
    pub href: String,
    /// Its parts, the lowest first.
    pub values: Vec<Value>,
}

/// A part of a bar.
pub struct Value {
    /// How high it is; 0 is nothing.
    pub size: u64,
    /// What it says; empty where there is nothing.
    pub shown: String,
    /// The list that it counts.
    pub href: String,
}

impl Chart {
    /// The chart with its table.
    pub fn draw(&self) -> Markup {
        let (title, description) = (format!("{}-title", self.id), format!("{}-text", self.id));
        let top = self.bars.iter().map(Bar::size).max().unwrap_or(0);
        let ends = (self.bars.first(), self.bars.last());
        html! {
            figure.chart {
                figcaption {
                    h2 #(title) { (self.title) }
                    p.hint #(description) { (self.description) }
                }
                p.scale.figure { (if top > 0 { (self.scale)(top) } else { String::new() }) }
                svg role="group" aria-labelledby=(title) aria-describedby=(description)
                    viewBox={ "0 0 " (self.bars.len() * DAY) " " (HEIGHT) } preserveAspectRatio="none" {
                    @for (place, bar) in self.bars.iter().enumerate() { (self.bar(place * DAY, bar, top)) }
                }
                @if let (Some(first), Some(last)) = ends {
                    p.ends { span { (first.day) } span { (last.day) } }
                }
                @if self.parts.len() > 1 {
                    ul.legend { @for (class, word) in self.parts { li { span class={ "key " (class) } {} " " (word) } } }
                }
                (self.table())
            }
        }
    }

    fn bar(&self, x: usize, bar: &Bar, top: u64) -> Markup {
        let words: Vec<_> = self
            .parts
            .iter()
            .zip(&bar.values)
            .filter(|(_, value)| !value.shown.is_empty())
            .map(|((_, word), value)| format!("{word} {}", value.shown))
            .collect();
        let label = format!("{}: {}", bar.day, words.join(", "));
        let mut base = HEIGHT;
        html! {
            @if !words.is_empty() {
                // By keyboard the table is shorter to walk through.
                a href=(bar.href) aria-label=(label) tabindex="-1" {
                    title { (label) }
                    rect.hit x=(x) y="0" width=(DAY) height=(HEIGHT) {}
                    @for ((class, _), value) in self.parts.iter().zip(&bar.values) {
                        @let height = height(value.size, top);
                        @if height > 0 {
                            @let y = { base = base.saturating_sub(height); base };
                            rect class=(class) x=(x + 1) y=(y) width=(DAY - 2) height=(height) {}
                        }
                    }
                }
            }
        }
    }

    fn table(&self) -> Markup {
        let bars = self.bars.iter().rev().filter(|bar| !bar.is_empty());
        let name = format!("{}, as a table", self.title);
        html! {
            details {
                summary { "As a table" }
                div.scroll tabindex="0" role="region" aria-label=(name) {
                    table {
                        caption.unseen { (self.title) }
                        thead { tr {
                            th scope="col" { "Day" }
                            @for (_, word) in self.parts { th scope="col" { (word) } }
                        } }
                        tbody {
                            @for bar in bars {
                                tr {
                                    th scope="row" { a href=(bar.href) { (bar.day) } }
                                    @for value in &bar.values {
                                        td { @if !value.shown.is_empty() { a href=(value.href) { (value.shown) } } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Bar {
    fn size(&self) -> u64 {
        self.values.iter().map(|value| value.size).sum()
    }

    fn is_empty(&self) -> bool {
        self.values.iter().all(|value| value.shown.is_empty())
    }
}

/// Height of a part when `top` fills the picture; what is there is always seen.
fn height(size: u64, top: u64) -> u64 {
    if size == 0 || top == 0 { 0 } else { (size * HEIGHT / top).max(LEAST) }
}

#[cfg(test)]
mod tests {
    use super::{HEIGHT, LEAST, height};

    #[test]
    fn the_highest_bar_fills_the_picture_and_the_lowest_is_seen() {
        assert_eq!(height(5, 5), HEIGHT);
        assert_eq!(height(1, 4), HEIGHT / 4);
        assert_eq!(height(1, 1_000_000), LEAST);
        assert_eq!((height(0, 5), height(0, 0)), (0, 0));
    }
}
