//! The allocator of a registry that has plugins: asks the one that is configured, and lets a built-in stand in for it.

use super::plugin::{Asked, Plugin, Silence};
use super::question;
use crate::io::config::Allocation;
use crate::io::telemetry::metrics::AllocatorMetrics;
use crate::pure::allocation::{
    Allocator, Answer, Choice, News, PluginReport, Question, Random, Scene, Waiter, built_in,
};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads what the configuration says now.
pub type Reread = Box<dyn Fn() -> Result<Allocation, String> + Send + Sync>;

/// The allocator of a registry.
pub struct Host {
    /// Replaced as a whole when the configuration is read anew.
    now: ArcSwap<Present>,
    program: PathBuf,
    folder: PathBuf,
    metrics: AllocatorMetrics,
    reread: Reread,
}

/// What is configured.
#[derive(Debug)]
struct Present {
    settings: Allocation,
    /// The plugin that decides; `None` where a built-in does.
    policy: Option<Arc<Plugin>>,
    built_in: Arc<dyn Allocator>,
    plugins: BTreeMap<String, Arc<Plugin>>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Host {
    /// Begins to load what is configured; until then, and whenever a plugin fails, a built-in decides. `program` is our own
    /// binary, `data` the folder of the registry.
    pub fn start(settings: Allocation, program: &Path, data: &Path, metrics: AllocatorMetrics, reread: Reread) -> Self {
        let (program, folder) = (program.to_owned(), data.join("plugins"));
        let present = present(settings, &BTreeMap::new(), &program, &folder);
        Self {
            now: ArcSwap::new(Arc::new(present)),
            program,
            folder,
            metrics,
            reread,
        }
    }

    fn stand_in(&self, present: &Present, question: &Question<'_>, why: &'static str, instead: String) -> Choice {
        self.metrics.fallbacks.add(&[why], 1);
        let choice = present.built_in.choose(question);
        Choice { instead, ..choice }
    }
}

/// Plugins that are there already load anew where something of theirs changed.
fn present(settings: Allocation, before: &BTreeMap<String, Arc<Plugin>>, program: &Path, folder: &Path) -> Present {
    let plugins: BTreeMap<String, Arc<Plugin>> = settings
        .plugins
        .iter()
        .map(|(name, source)| {
            let plugin = before.get(name).cloned().unwrap_or_else(|| {
                let (program, folder) = (program.to_owned(), folder.to_owned());
                Arc::new(Plugin::new(name, source.clone(), settings.shadow, program, folder))
            });
            (name.clone(), plugin)
        })
        .collect();
    let policy = plugins.get(&settings.policy).cloned();
    let built_in = match &policy {
        Some(_) => built_in(&settings.fallback),
        None => built_in(&settings.policy),
    };
    Present {
        policy,
        built_in: built_in.unwrap_or_else(|| Arc::new(Random)),
        plugins,
        settings,
    }
}

impl Allocator for Host {
    fn choose(&self, question: &Question<'_>) -> Choice {
        let present = self.now.load();
        let Some(policy) = &present.policy else {
            return present.built_in.choose(question);
        };
        let deadline = present.settings.deadline;
        let begun = crate::io::clock::now();
        let asked = policy.ask(
            question.scene.now,
            deadline,
            |news, anew, ask| question::decide(question, news, anew, deadline, ask),
            |said| question::decided(said, question, &policy.name),
        );
        self.metrics
            .seconds
            .record(crate::io::clock::now().since(begun).as_secs_f64());
        let outcome = |word: &str| self.metrics.questions.add(&[word], 1);
        match asked {
            Asked::Answered(Some(choice)) => {
                outcome(match choice.answer {
                    Answer::Take(_) => "chosen",
                    Answer::Defer { .. } => "deferred",
                    Answer::Deny => "denied",
                });
                choice
            }
            Asked::Answered(None) => {
                outcome("abstained");
                self.stand_in(
                    &present,
                    question,
                    "abstained",
                    format!("{} has no opinion", policy.name),
                )
            }
            Asked::Tried(_, words) => {
                outcome("tried");
                self.stand_in(
                    &present,
                    question,
                    "trial",
                    format!("{} is on trial: {words}", policy.name),
                )
            }
            Asked::Unanswered(silence, words) => {
                let why = match silence {
                    Silence::Absent => "absent",
                    Silence::SetAside => "set-aside",
                    Silence::Fault => "fault",
                };
                outcome(if silence == Silence::Fault { "fault" } else { "unasked" });
                self.stand_in(&present, question, why, format!("{}: {words}", policy.name))
            }
        }
    }

    fn orders(&self) -> bool {
        let present = self.now.load();
        present.policy.as_ref().is_some_and(|policy| policy.abilities().orders)
    }

    fn order(&self, waiters: &[Waiter<'_>], scene: &Scene<'_>) -> Option<Vec<usize>> {
        let present = self.now.load();
        let policy = present.policy.as_ref()?;
        let deadline = present.settings.deadline;
        let asked = policy.ask(
            scene.now,
            deadline,
            |news, anew, ask| question::order(waiters, scene, news, anew, deadline, ask),
            |said| question::ordered(said, waiters.len()),
        );
        match asked {
            Asked::Answered(places) => places,
            Asked::Tried(..) | Asked::Unanswered(..) => None,
        }
    }

    fn learns(&self) -> bool {
        let present = self.now.load();
        present.policy.as_ref().is_some_and(|policy| policy.abilities().learns)
    }

    fn observe(&self, news: News) {
        if let Some(policy) = &self.now.load().policy {
            policy.observe(news);
        }
    }

    fn forget(&self) {
        for plugin in self.now.load().plugins.values() {
            plugin.forget();
        }
    }

    fn plugins(&self) -> Vec<PluginReport> {
        let present = self.now.load();
        let policy = present.policy.as_ref().map(|policy| policy.name.as_str());
        let plugins = present.plugins.values();
        plugins
            .map(|plugin| plugin.report(policy == Some(plugin.name.as_str())))
            .collect()
    }

    fn reload(&self, name: Option<&str>) -> Result<(), String> {
        let settings = (self.reread)()?;
        let before = self.now.load_full();
        if let Some(name) = name
            && !settings.plugins.contains_key(name)
        {
            let known: Vec<&str> = settings.plugins.keys().map(String::as_str).collect();
            return Err(match known.as_slice() {
                [] => format!("there is no plugin {name}: the configuration has no [allocation.plugin.{name}]"),
                known => format!("there is no plugin {name}; the configuration has {}", known.join(", ")),
            });
        }
        for (known, source) in &settings.plugins {
            let wanted = name.is_none_or(|name| name == known);
            if let Some(plugin) = before.plugins.get(known).filter(|_| wanted) {
                plugin.load(source.clone(), settings.shadow);
            }
        }
        let present = present(settings, &before.plugins, &self.program, &self.folder);
        self.now.store(Arc::new(present));
        // What is named no longer ends beside the loop: its last question may be under way, and its process takes a moment.
        std::thread::spawn(move || drop(before));
        Ok(())
    }
}
