"""Sentences written for this project, so that the gate knows kinds of text that the data has none of.

Each entry is a template; words in braces are filled from the lists below, at random.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

_WORDS = """
나라: 한국, 일본, 프랑스, 독일, 브라질, 이집트, 캐나다, 호주, 태국, 스페인
주제: 기후 변화, 인공지능, 양자역학, 조선 시대, 경제 성장률, 환율, 광합성, 상대성 이론, 민주주의, \
르네상스
사람: 세종대왕, 뉴턴, 아인슈타인, 이순신, 모차르트, 피카소, 다윈, 간디
음식: 아메리카노, 카페라떼, 불고기버거, 김치찌개, 비빔밥, 치즈피자, 후라이드 치킨, 떡볶이, 짜장면, \
초코 케이크, 바닐라라떼, 콜라
수: 한, 두, 세, 네, 다섯
단위: 잔, 개, 그릇, 판, 인분, 세트
가게음식: 음식, 치킨, 피자, 국물, 커피, 디저트, 햄버거, 회
물건: 이어폰, 운동화, 가방, 노트북, 선풍기, 화장품, 침대, 책상, 청소기
topic: climate change, machine learning, the French Revolution, inflation, photosynthesis, \
black holes, copyright law, the immune system, jazz, supply chains
country: Japan, Brazil, Kenya, Norway, Vietnam, Canada, Egypt, Italy, Mexico, India
dish: latte, cheeseburger, pepperoni pizza, caesar salad, iced americano, chicken wrap, fish \
and chips, veggie burger, milkshake, club sandwich
product: headphones, vacuum cleaner, running shoes, backpack, phone case, blender, office \
chair, mattress, tablet, coffee machine
기법: 세그먼트 트리, 동적 계획법, 이분 탐색, 최대 유량, 위상 정렬, 펜윅 트리, 분할 정복, 너비 우선 탐색
technique: segment tree, dynamic programming, binary search, max flow, suffix array, depth first search, \
bitmask dp, union find
theorem: the square root of 2 is irrational, there are infinitely many primes, the harmonic series \
diverges, every even perfect number has a known form, the zeta function has a zero, a compact set is closed
n: one, two, three, four, five, a
size: small, medium, large, regular
language: Python, Java, JavaScript, Rust, Go, C++
"""
WORDS = {
    name: words.split(", ")
    for name, _, words in (line.partition(": ") for line in _WORDS.splitlines() if line)
}
"""What may stand for a word in braces."""

KOREAN_OTHER = """\
{나라}의 수도는 어디인가요?
{사람}은 언제 태어났나요?
{주제}에 대해 쉽게 설명해 줘
{주제}의 장단점을 세 가지씩 알려 줘
{나라} 여행 일정을 3박 4일로 짜 줘
{주제}에 관한 발표문을 써 줘
이 문장을 영어로 번역해 줘: 오늘은 날씨가 정말 좋네요
회의록을 다섯 줄로 요약해 줘
내일 서울 날씨 어때?
면접에서 자기소개를 어떻게 하면 좋을까요?
{물건} 살 때 어떤 점을 봐야 하나요?
1부터 100까지 더하면 얼마야?
물은 몇 도에서 끓나요?
{사람}의 대표적인 업적을 알려 주세요
엑셀에서 중복된 값을 지우는 방법이 뭐야?
파이썬으로 파일을 읽는 코드 알려 줘
{language} 반복문 예제를 하나 보여 줘
이메일을 정중하게 고쳐 써 줘
감기에 걸렸을 때 뭘 먹으면 좋아?
{주제}와 관련된 책을 추천해 줘
삼각형의 내각의 합이 왜 180도인지 증명해 줘
빨간 공 3개와 파란 공 2개 중에서 2개를 뽑을 확률은?
부동산 계약할 때 주의할 점을 알려 주세요
{나라}와 {나라}의 시차는 몇 시간인가요?
고양이가 밥을 안 먹어요 왜 그럴까요?
이 코드가 왜 에러가 나는지 알려 줘
생일 축하 메시지를 짧게 써 줘
{주제}을 초등학생도 알 수 있게 설명해 줘
다음 계산을 해 줘: 345 곱하기 27
회사에서 연차를 쓰려면 어떻게 말해야 해?
"""

KOREAN_REVIEW = """\
배달이 너무 늦었고 {가게음식}이 다 식어서 왔어요
{가게음식} 진짜 맛있어요 다음에 또 시켜 먹을게요
{물건} 산 지 일주일 만에 고장 났네요 환불하고 싶어요
{물건} 배송 빠르고 포장도 꼼꼼해요 만족합니다
사장님이 친절하시고 양도 푸짐해요
가격에 비해 별로였어요 재구매는 안 할 것 같아요
{가게음식}에서 머리카락이 나왔습니다 실망이에요
생각보다 괜찮네요 가성비 좋아요
사진이랑 너무 달라요 별 하나도 아까워요
{물건} 색깔이 화면이랑 달라요 그래도 쓸 만해요
직원 응대가 불친절해서 기분이 나빴어요
숙소가 깨끗하고 위치도 좋아서 다시 오고 싶어요
영화가 너무 지루해서 중간에 나왔다
배우들 연기가 훌륭하고 여운이 오래 남네요
그냥 그래요 기대했던 것보다는 평범합니다
주문한 지 두 시간이 지났는데 아직도 안 왔어요 최악
"""

KOREAN_ORDER = """\
{음식} {수} {단위} 주세요
아이스 {음식} {수} {단위} 주세요
{음식} {수} {단위} 포장이요
저기요 {음식} 하나랑 {음식} 하나 부탁드려요
{음식} 따뜻한 걸로 {수} {단위} 주문할게요
{음식} 라지 사이즈로 {수} {단위} 배달해 주세요
{음식} 얼음 빼고 {수} {단위}이요
안녕하세요 {음식} {수} {단위} 테이크아웃 할게요
{음식} {수} {단위}만 주세요 다른 건 없어요
방금 시킨 {음식} 취소해 주세요
{음식} 하나 추가요
"""

ENGLISH_REVIEW = """\
The {product} broke after two days, very disappointed.
Great {product}, works exactly as described. Would buy again!
Delivery took three weeks and nobody answered my emails.
The food was cold and the {dish} was awful.
Best {dish} in town, friendly staff and cozy place.
Not worth the price, the {product} feels cheap.
I love this {product}! Five stars.
It's okay, nothing special, but the {product} does its job.
Terrible customer service, I want a refund for the {product}.
The room was clean but the walls were thin and noisy.
The movie was way too long and the plot made no sense.
Loved the acting, the ending made me cry.
Arrived damaged, the box of the {product} was open.
Shipping was fast and the {product} looks even better than in the pictures.
"""

ENGLISH_ORDER = """\
Can I get {n} {dish} please?
I'd like a {size} {dish} and {n} {dish} to go.
{n} {dish}, no onions, for delivery please
Could I order {n} {size} {dish} with extra cheese?
One {dish} please, and make it a {size}.
Hi, {n} {dish} for pickup at six please
Add {n} {dish} to my order.
Cancel the {dish} and give me a {dish} instead, please
We'll have {n} {dish} and {n} {dish}, thanks
"""

ENGLISH_OTHER = """\
What is the capital of {country}?
Explain {topic} to a ten year old.
Write a short poem about {topic}.
Summarize the main ideas of {topic} in three bullet points.
Translate "good morning, how are you?" into Spanish.
How do I read a file in {language}?
Why does this {language} function return None?
Plan a five day trip to {country} on a small budget.
What are the pros and cons of {topic}?
Draft a polite email asking for a deadline extension.
Who won the Nobel Prize for work on {topic}?
What is 15% of 240?
If a train travels 60 miles in 1.5 hours, what is its average speed?
Give me five ideas for a birthday party.
What does this code do?
Fix the grammar: he go to school every days.
Compare {topic} and {topic}.
Prove that {theorem}.
Can you explain why {theorem}?
use the other one
this is fine, do it like before
What's the weather like in {country} in March?
Write a cover letter for a job in {country}.
ok
yes please continue
thanks, that helps
What is the difference between a list and a tuple in {language}?
Help me name my new coffee shop.
Is it safe to take ibuprofen with alcohol?
"""

KOREAN_PROBLEM = """\
{기법}를 이용하여 구간 합을 구하는 프로그램을 작성하시오
{기법} 문제입니다. 정수 N이 주어질 때 답을 출력하시오
길이가 N인 수열에서 {기법}로 쿼리 Q개를 처리하시오
{기법}을 사용해서 그래프의 최단 거리를 구하는 코드를 작성해 줘
{기법}로 풀어야 하는 알고리즘 문제를 풀어 줘
{기법}
"""

ENGLISH_PROBLEM = """\
Solve this with a {technique}: given an array of n integers, answer q queries.
Given a tree with n vertices, use {technique} to find the answer for each query.
Write a program that reads n and prints the answer modulo 998244353 using {technique}.
Find the number of subsequences with {technique}.
Implement a {technique} in C++ for n up to 200000.
"""

KINDS = (
    (KOREAN_PROBLEM, "competitive-ko"),
    (ENGLISH_PROBLEM, "competitive-en"),
    (KOREAN_OTHER, "other"),
    (ENGLISH_OTHER, "other"),
    (KOREAN_REVIEW, "review"),
    (ENGLISH_REVIEW, "review"),
    (KOREAN_ORDER, "order"),
    (ENGLISH_ORDER, "order"),
)


def sentences(copies: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Every template `copies` times with other words, and its task."""
    draw = random.Random(seed)
    for templates, task in KINDS:
        for template in templates.splitlines():
            for _ in range(copies if "{" in template else max(1, copies // 3)):
                yield re.sub(r"\{([^}]+)\}", lambda match: draw.choice(WORDS[match[1]]), template), task
