//! The distributions of request times as a picture in one file that needs no other.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use plotters::prelude::{
    BLACK, ChartBuilder, Color as _, IntoDrawingArea as _, IntoLogRange as _, LineSeries, Palette as _, Palette99,
    PathElement, SVGBackend, WHITE,
};

use crate::exit::Failure;

use super::report::Report;

/// A file to draw into, whose name says in which form.
#[derive(Clone, Debug)]
pub(super) struct File {
    path: PathBuf,
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Svg,
    Html,
}

/// The size of the picture, in its own units.
const SIZE: (u32, u32) = (900, 480);
/// Points of a curve.
const POINTS: usize = 200;

/// `--plot`
pub(super) fn file(path: &str) -> Result<File, String> {
    let path = PathBuf::from(path);
    let form = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => Form::Svg,
        Some("html") => Form::Html,
        _ => return Err("expected a name that ends in .svg or .html".to_owned()),
    };
    Ok(File { path, form })
}

impl File {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The picture: which share of the requests took at most how long.
    pub(super) fn draw(&self, report: &Report) -> Result<String, Failure> {
        let mut svg = String::new();
        draw(&mut svg, report).map_err(Failure::bug)?;
        Ok(match self.form {
            Form::Svg => svg,
            Form::Html => {
                let title = escaped(&format!("gwauthz bench: {}", report.machine().request));
                format!(
                    "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n{svg}\n<pre>{}</pre>\n",
                    escaped(&anstream::adapter::strip_str(&report.human(None)).to_string())
                )
            }
        })
    }
}

fn draw(svg: &mut String, report: &Report) -> Result<(), impl Display> {
    let slowest = report.distributions().map(|(module, _)| module.request_ns.p99).max().unwrap_or_default();
    let fastest = report.distributions().filter_map(|(_, times)| times.first().copied()).min().unwrap_or_default();
    // Beyond the 99th percentile there is what the machine did meanwhile.
    let (from, to) = (fastest.max(1) as f64 * 0.9, (slowest.max(2) as f64) * 1.1);
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(20)
        .caption("share of requests that take at most this long", ("sans-serif", 18))
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d((from..to).log_scale(), 0.0..1.0)?;
    chart
        .configure_mesh()
        .x_desc("microseconds in the plugin")
        .x_label_formatter(&|ns| format!("{:.1}", ns / 1e3))
        .y_label_formatter(&|share| format!("{:.0} %", share * 100.0))
        .draw()?;
    for (number, (module, times)) in report.distributions().enumerate() {
        let color = Palette99::pick(number).to_rgba();
        let curve = (0..=POINTS).filter_map(|point| {
            let share = point as f64 / POINTS as f64;
            let rank = (share * (times.len().saturating_sub(1)) as f64) as usize;
            times.get(rank).map(|time| (*time as f64, share)).filter(|(time, _)| *time <= to)
        });
        chart
            .draw_series(LineSeries::new(curve, color.stroke_width(2)))?
            .label(module.module.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    area.present()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::file;

    #[test]
    fn the_name_says_the_form() {
        assert!(file("a/b.svg").is_ok() && file("b.html").is_ok());
        assert!(file("b.png").is_err() && file("svg").is_err());
    }
}
