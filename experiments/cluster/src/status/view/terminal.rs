//! On a terminal, until somebody has seen enough.

use super::rows::{Rows, headline, runs, workers};
use crate::status::{Status, Watcher, ask};
use crate::{Error, Result};
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Alignment, Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Row, Table};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Rates are those of so long a time: workers say how they stand every few seconds.
const WINDOW: Duration = Duration::from_secs(15);

/// An answer that takes longer is said to be missing.
const PATIENCE: Duration = Duration::from_secs(3);

/// How soon a key is answered.
const GLANCE: Duration = Duration::from_millis(100);

/// Shows workers and runs, and asks how they stand again and again, until q, Esc or Ctrl-C is pressed or `stop` is set. However it ends, the
/// terminal is as it was before. Servers that do not answer are asked again; what was known last stays.
///
/// # Errors
/// [`Error::File`] if there is no terminal.
pub fn top(watcher: &Watcher, every: Duration, stop: &AtomicBool) -> Result<()> {
    let (sender, answers) = channel();
    let (store, address) = (watcher.store.clone(), watcher.address.clone());
    // Keys are answered while the servers are not: this ends once nobody listens.
    watcher.runtime.spawn(async move {
        while sender.send(ask(&store, &address).await).is_ok() {
            tokio::time::sleep(every).await;
        }
    });
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let _restored = Restored;
    let mut shown = Shown {
        every,
        ..Shown::default()
    };
    while !stop.load(Ordering::SeqCst) {
        for answer in answers.try_iter() {
            shown.take(answer);
        }
        terminal.draw(|frame| shown.draw(frame)).map_err(failed)?;
        if event::poll(GLANCE).map_err(failed)?
            && let Event::Key(key) = event::read().map_err(failed)?
            && key.kind == KeyEventKind::Press
        {
            match wish(key) {
                Wish::End => break,
                Wish::Move(rows) => shown.first = shown.first.saturating_add_signed(rows),
                Wish::Nothing => {}
            }
        }
    }
    Ok(())
}

fn failed(error: std::io::Error) -> Error {
    Error::file(Path::new("the terminal"))(error)
}

/// Gives the terminal back when it goes out of scope; after a panic ratatui's hook has done so already.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What a key wishes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    End,
    /// To see workers so many rows further down.
    Move(isize),
    Nothing,
}

pub(super) fn wish(key: KeyEvent) -> Wish {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => Wish::End,
        KeyCode::Char('c') if control => Wish::End,
        KeyCode::Down => Wish::Move(1),
        KeyCode::Up => Wish::Move(-1),
        KeyCode::PageDown => Wish::Move(20),
        KeyCode::PageUp => Wish::Move(-20),
        _ => Wish::Nothing,
    }
}

/// What is on the screen.
#[derive(Default)]
pub(super) struct Shown {
    /// From one look to the next.
    every: Duration,
    /// Snapshots of the window, the oldest first.
    snapshots: VecDeque<(Instant, Status)>,
    /// Why there is no newer one.
    problem: Option<String>,
    /// The first worker on the screen.
    pub(super) first: usize,
}

impl Shown {
    pub(super) fn take(&mut self, answer: Result<Status>) {
        let now = Instant::now();
        match answer {
            Ok(status) => {
                self.problem = None;
                self.snapshots.push_back((now, status));
            }
            Err(error) => self.problem = Some(error.to_string()),
        }
        while self.snapshots.len() > 1 && now.duration_since(self.snapshots[0].0) > WINDOW {
            self.snapshots.pop_front();
        }
    }

    pub(super) fn draw(&mut self, frame: &mut Frame) {
        let Some((taken, status)) = self.snapshots.back() else {
            let problem = self.problem.as_deref().unwrap_or("asking the server");
            frame.render_widget(Line::raw(problem), frame.area());
            return;
        };
        let before = self.snapshots.front().map(|(_, status)| status);
        let (workers, runs) = (workers(status, before), runs(status, before));
        // Runs are few, and workers have the rest of the screen.
        let [head, upper, _, lower, foot] = Layout::vertical([
            Constraint::Length(2),
            Constraint::Length(1 + runs.rows.len() as u16),
            Constraint::Length(1),
            Constraint::Min(2),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let bold = Style::new().add_modifier(Modifier::BOLD);
        frame.render_widget(Line::styled(headline(status), bold), head);
        frame.render_widget(drawn(&runs, 0), upper);
        let room = lower.height.saturating_sub(1) as usize;
        let all = workers.rows.len();
        self.first = self.first.min(all.saturating_sub(room));
        frame.render_widget(drawn(&workers, self.first), lower);
        let rest = if all > room {
            let last = self.first + room;
            format!(
                "workers {} to {last} of {all}, more with the arrow keys; ",
                self.first + 1
            )
        } else {
            String::new()
        };
        let age = taken.elapsed();
        let line = match &self.problem {
            Some(problem) => format!("no answer, it is tried again: {problem}"),
            None if age > self.every + PATIENCE => {
                format!("no answer for {:.0} s", age.as_secs_f64())
            }
            None => format!("{rest}q ends"),
        };
        frame.render_widget(Line::raw(line), foot);
    }
}

/// The rows from the one of number `first` on.
fn drawn<const COLUMNS: usize>(shown: &Rows<COLUMNS>, first: usize) -> Table<'_> {
    let aligned = |column: usize, text: &str| {
        let alignment = if column < shown.text {
            Alignment::Left
        } else {
            Alignment::Right
        };
        Text::from(text.to_owned()).alignment(alignment)
    };
    let row = |cells: &[String; COLUMNS]| {
        let cells = cells.iter().enumerate();
        Row::new(cells.map(|(column, text)| aligned(column, text)))
    };
    let headings = shown.headings.iter().enumerate();
    let headings = Row::new(headings.map(|(column, text)| aligned(column, text)));
    let widths = (0..COLUMNS).map(|column| {
        let cells = shown.rows.iter().map(|cells| cells[column].chars().count());
        let width = cells.chain([shown.headings[column].len()]).max();
        let width = width.unwrap_or_default() as u16;
        // Where the screen is too narrow, names give way to numbers.
        if column < 2 {
            Constraint::Max(width)
        } else {
            Constraint::Length(width)
        }
    });
    Table::new(shown.rows.iter().skip(first).map(row), widths)
        .header(headings.style(Style::new().add_modifier(Modifier::UNDERLINED)))
        .column_spacing(2)
}
