//! Plots as SVG text: bars side by side, and lines over time.
//!
//! Owns scales, axes and marks. Colours are classes that the page's style sheet fills, so that one
//! plot serves light and dark. Every plot has a title and a description for whoever does not see it.
//! Must not know what is plotted. Called by the page.

use std::fmt::Write as _;

use super::html::escaped;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 30.0;
/// Where the unit stands, above the scale.
const UNIT: f64 = 12.0;
const BOTTOM: f64 = 46.0;
/// About so many lines across.
const GRID_LINES: f64 = 5.0;
/// Most labels below a plot of lines.
const MAX_LABELS: usize = 12;

/// A series of a plot: its name, the number of its colour, its values.
#[derive(Clone, Debug)]
pub(super) struct Series {
    /// In the legend.
    pub(super) name: String,
    /// One value for each label; never negative.
    pub(super) values: Vec<f64>,
}

/// What is said of a plot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caption<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    /// Its title.
    pub(super) title: &'a str,
    /// What one sees, in a sentence.
    pub(super) description: &'a str,
    /// The unit of the values.
    pub(super) unit: &'a str,
}

/// Bars side by side, a group for each label.
pub(super) fn bars(caption: Caption<'_>, labels: &[String], series: &[Series]) -> String {
    let scale = Scale::of(series);
    let mut svg = begin(caption, &scale);
    let group = (WIDTH - LEFT - RIGHT) / real(labels.len().max(1));
    let bar = group * 0.8 / real(series.len().max(1));
    for (place, label) in labels.iter().enumerate() {
        let left = LEFT + group * real(place) + group * 0.1;
        for (number, one) in series.iter().enumerate() {
            let value = one.values.get(place).copied().unwrap_or(0.0);
            let (x, y) = (left + bar * real(number), scale.y(value));
            let _ = write!(
                svg,
                r#"<rect class="s{number}" x="{x:.1}" y="{y:.1}" width="{:.1}" height="{:.1}">"#,
                bar * 0.92,
                HEIGHT - BOTTOM - y
            );
            let (label, name) = (escaped(label), escaped(&one.name));
            let _ =
                write!(svg, "<title>{label}, {name}: {value:.1} {}</title></rect>", caption.unit);
        }
        label_below(&mut svg, left + group * 0.4, label);
    }
    end(svg, series)
}

/// Lines over time, a point for each label.
pub(super) fn lines(caption: Caption<'_>, labels: &[String], series: &[Series]) -> String {
    let scale = Scale::of(series);
    let mut svg = begin(caption, &scale);
    let step = (WIDTH - LEFT - RIGHT) / real(labels.len().saturating_sub(1).max(1));
    for (number, one) in series.iter().enumerate() {
        let points: Vec<String> = (0_usize..)
            .zip(&one.values)
            .map(|(place, value)| {
                format!("{:.1},{:.1}", LEFT + step * real(place), scale.y(*value))
            })
            .collect();
        let _ = write!(svg, r#"<polyline class="l{number}" points="{}"/>"#, points.join(" "));
    }
    let every = labels.len().div_ceil(MAX_LABELS).max(1);
    for (place, label) in labels.iter().enumerate().step_by(every) {
        label_below(&mut svg, LEFT + step * real(place), label);
    }
    end(svg, series)
}

/// From values to heights.
struct Scale {
    top: f64,
    step: f64,
}

impl Scale {
    fn of(series: &[Series]) -> Self {
        let values = series.iter().flat_map(|one| &one.values).copied();
        let greatest = values.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        // 1, 2 or 5 of some power of ten.
        let rough = greatest / GRID_LINES;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|digit| digit * power)
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        Self { top: (greatest / step).ceil().max(1.0) * step, step }
    }

    fn y(&self, value: f64) -> f64 {
        let part = (value / self.top).clamp(0.0, 1.0);
        HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP)
    }
}

fn begin(caption: Caption<'_>, scale: &Scale) -> String {
    let Caption { id, title, description, unit } = caption;
    let mut svg = format!(
        r#"<figure class="scroll" tabindex="0"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{}</title><desc id="{id}-d">{}</desc>"#,
        escaped(title),
        escaped(description)
    );
    let mut value = 0.0;
    while value <= scale.top + scale.step / 2.0 {
        let (y, right) = (scale.y(value), WIDTH - RIGHT);
        let _ =
            write!(svg, r#"<line class="grid" x1="{LEFT}" y1="{y:.1}" x2="{right}" y2="{y:.1}"/>"#);
        let (x, y) = (LEFT - 6.0, y + 4.0);
        let text = if scale.step < 1.0 { format!("{value:.1}") } else { format!("{value:.0}") };
        let _ = write!(svg, r#"<text class="end" x="{x}" y="{y:.1}">{text}</text>"#);
        value += scale.step;
    }
    let _ = write!(svg, r#"<text x="2" y="{UNIT}">{}</text>"#, escaped(unit));
    svg
}

fn label_below(svg: &mut String, x: f64, label: &str) {
    let y = HEIGHT - BOTTOM + 16.0;
    let _ = write!(svg, r#"<text class="mid" x="{x:.1}" y="{y}">{}</text>"#, escaped(label));
}

fn end(mut svg: String, series: &[Series]) -> String {
    let mut x = LEFT;
    let y = HEIGHT - 8.0;
    for (number, one) in series.iter().enumerate() {
        let top = y - 9.0;
        let _ =
            write!(svg, r#"<rect class="s{number}" x="{x:.0}" y="{top}" width="10" height="10"/>"#);
        let _ = write!(svg, r#"<text x="{:.0}" y="{y}">{}</text>"#, x + 14.0, escaped(&one.name));
        x += 34.0 + 7.0 * real(one.name.chars().count());
    }
    svg.push_str("</svg></figure>");
    svg
}

#[expect(clippy::cast_precision_loss, reason = "places on a plot are few")]
fn real(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPTION: Caption<'static> =
        Caption { id: "p", title: "A & B", description: "Both.", unit: "%" };

    fn series(values: &[f64]) -> Vec<Series> {
        vec![Series { name: "a<b".to_owned(), values: values.to_vec() }]
    }

    fn labels(count: usize) -> Vec<String> {
        (0..count).map(|number| number.to_string()).collect()
    }

    #[test]
    fn a_plot_is_described_for_whoever_does_not_see_it() {
        let svg = bars(CAPTION, &labels(2), &series(&[1.0, 2.0]));
        assert!(svg.contains(r#"role="img" aria-labelledby="p-t p-d""#));
        assert!(svg.contains("A &amp; B") && svg.contains("<desc id=\"p-d\">Both.</desc>"));
        assert!(svg.contains("a&lt;b") && !svg.contains("a<b"));
        assert!(svg.contains("<title>1, a&lt;b: 2.0 %</title>"));
    }

    #[test]
    fn scales_end_at_a_round_number_above_the_greatest_value() {
        for (greatest, top, step) in [(7.0, 8.0, 2.0), (100.0, 100.0, 20.0), (0.31, 0.4, 0.1)] {
            let scale = Scale::of(&series(&[greatest]));
            assert!((scale.top - top).abs() < 1e-9, "{greatest}: {}", scale.top);
            assert!((scale.step - step).abs() < 1e-9, "{greatest}: {}", scale.step);
        }
        assert!((Scale::of(&series(&[8.0])).y(0.0) - (HEIGHT - BOTTOM)).abs() < 1e-9);
    }

    #[test]
    fn a_plot_of_nothing_is_a_plot() {
        assert!(bars(CAPTION, &[], &[]).ends_with("</svg></figure>"));
        assert!(lines(CAPTION, &labels(1), &series(&[0.0])).ends_with("</svg></figure>"));
        let many = lines(CAPTION, &labels(1_000), &series(&vec![1.0; 1_000]));
        assert!(many.matches("class=\"mid\"").count() <= MAX_LABELS);
    }
}
