"""The two ways to use a page: with the keyboard alone, or with the mouse (which types only what is text)."""

from dataclasses import dataclass
from typing import Any, Protocol

from playwright.sync_api import Locator, Page, expect

STOPS = 120  # of the Tab key, before something is out of its reach
# What has the focus is on the screen, not under something that covers it, and told apart from what has not.
FOCUSED = """target => {
  const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
  const small = box.width <= 1 || box.height <= 1 || element.tagName === 'INPUT';
  return {
    here: element === target,
    name: `${element.tagName} ${element.getAttribute('aria-label') || element.textContent.slice(0, 60)}`,
    visible: element === document.body || small || element.id === 'main' ||
      (box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight && style.visibility === 'visible'),
    marked: element === document.body || small || element.id === 'main' || ['TEXTAREA', 'IFRAME'].includes(element.tagName) ||
      style.outlineStyle !== 'none' || element.matches('[role=tree]'),
  };
}"""


class Hand(Protocol):
    page: Page

    def press(self, target: Locator) -> None:
        """Presses a button, follows a link, ticks a box."""
        ...

    def write(self, field: Locator, text: str) -> None: ...

    def choose(self, field: Locator, text: str, option: Locator) -> None:
        """Writes into a field that suggests, and takes the suggestion."""
        ...

    def pick(self, menu: Locator, item: Locator) -> None: ...

    def tab(self, tabs: Locator, target: Locator) -> None:
        """Changes the tab, from any other of the list."""
        ...


@dataclass
class Mouse:
    page: Page

    def press(self, target: Locator) -> None:
        target.click()

    def write(self, field: Locator, text: str) -> None:
        field.click()
        self.page.keyboard.insert_text(text)

    def choose(self, field: Locator, text: str, option: Locator) -> None:
        self.write(field, text)
        option.click()

    def pick(self, menu: Locator, item: Locator) -> None:
        menu.click()
        item.click()

    def tab(self, tabs: Locator, target: Locator) -> None:
        target.click()


@dataclass
class Keyboard:
    page: Page

    def reach(self, target: Locator) -> None:
        expect(target).to_be_visible()
        for _ in range(STOPS):
            now: dict[str, Any] = target.evaluate(FOCUSED)
            if not now["visible"]:  # a dialog that closes keeps the focus until it is gone
                self.page.wait_for_timeout(500)
                now = target.evaluate(FOCUSED)
            assert now["visible"], f"the focus is out of sight: {now['name']}"
            assert now["marked"], f"nothing shows that the focus is here: {now['name']}"
            if now["here"]:
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the Tab key does not reach {target}")

    def press(self, target: Locator) -> None:
        self.reach(target)
        self.page.keyboard.press("Space" if target.get_attribute("type") in ("checkbox", "radio") else "Enter")

    def write(self, field: Locator, text: str) -> None:
        self.reach(field)
        self.page.keyboard.insert_text(text)

    def choose(self, field: Locator, text: str, option: Locator) -> None:
        self.write(field, text)
        expect(option).to_be_visible()
        for _ in range(STOPS):
            if option.get_attribute("data-combobox-selected"):
                break
            self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Enter")
        expect(option).to_be_hidden()

    def pick(self, menu: Locator, item: Locator) -> None:
        self.press(menu)
        expect(item).to_be_visible()
        for _ in range(STOPS):
            if item.evaluate("item => item === document.activeElement"):
                break
            self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Enter")

    def tab(self, tabs: Locator, target: Locator) -> None:
        self.reach(tabs.locator("[aria-selected=true]"))
        for _ in range(STOPS):
            if target.get_attribute("aria-selected") == "true":
                return
            self.page.keyboard.press("ArrowRight")
            expect(tabs.locator("[role=tab]:focus")).to_have_attribute("aria-selected", "true")
        raise AssertionError(f"the arrow keys do not reach {target}")
