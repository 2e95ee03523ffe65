"""A line that is late, because others keep it busy: what nobody has seen is no fault yet."""


def test_a_line_that_others_keep_busy_says_nothing_about_a_contactor(desk):
    desk.plug()
    desk.tap()
    desk.until(lambda: desk.devices["1"].pwm_on)
    desk.ask()
    desk.until(lambda: desk.outlet().granted_ns is not None)
    desk.devices["1"].board_answers = False
    desk.run(desk.site.plan.timers.mirror_close_s + 1)
    assert not desk.codes()
    desk.devices["1"].board_answers = True
    desk.run(0.5)
    assert desk.outlet().phase == "charging"
