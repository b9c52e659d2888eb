//! `floe dev`: a whole grid on this machine in one command, and its story.
//!
//! Registries and nodes are child processes with configuration files of their own, as an operator would write them; nothing
//! here reaches into them. They end when this process ends, whatever ends it.

mod grid;
mod screen;
mod story;
pub mod web;

pub use grid::{DevError, Grid};

use std::path::PathBuf;

/// What `floe dev` was asked for.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Play the kill and the promotion, then end.
    pub story: bool,
    /// Where to keep configuration, data and logs; a temporary folder when not given, removed at the end.
    pub folder: Option<PathBuf>,
}

/// Where a line for the operator goes.
pub type Say<'a> = &'a mut dyn FnMut(&str);

/// Runs the grid until Ctrl-C, or the story until its end.
///
/// # Errors
/// [`DevError`] names the step that did not hold and the logs to look at.
pub async fn run(wish: Wish, say: Say<'_>) -> Result<(), DevError> {
    let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(DevError::io("listen for signals"))?;
    let mut grid = Grid::prepare(wish.folder)?;
    let played = tokio::select! {
        played = play(&mut grid, wish.story, say) => played,
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = stop.recv() => Ok(()),
    };
    let ended = grid.end().await;
    played.and(ended)
}

async fn play(grid: &mut Grid, story: bool, say: Say<'_>) -> Result<(), DevError> {
    if story {
        return story::play(grid, say).await;
    }
    grid.start_all()?;
    grid.settled().await?;
    grid.deploy().await?;
    screen::show(grid, say).await?;
    std::future::pending().await
}
