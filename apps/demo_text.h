// What mote demo measures on: stories in the words of children's books, which is what the bundled model was
// trained on. Written for this project.
#pragma once

#include <string_view>

namespace mote::cli {

inline constexpr std::string_view kDemoText =
    "Once upon a time, there was a little boat named Tom. Tom lived in a small blue lake near a big green "
    "hill. "
    "Every day the sun came up and the boat was happy. One day, a girl named Mia came to the lake with her "
    "dad. "
    "She saw the boat and said, \"Look, dad! A little boat! Can we go for a ride?\" Her dad smiled and said, "
    "\"Yes, but we must be careful.\" They sat in the boat and it went slowly over the water. Mia saw a fish "
    "and a "
    "frog and a white bird. The bird was sad because it could not find its nest. Mia wanted to help. \"Do "
    "not cry, "
    "bird,\" she said. \"We can look for your nest.\" They looked near the tall trees and they found the "
    "nest. The "
    "bird was very happy and it sang a song for them. From that day on, Mia and the bird were good friends.\n"
    "There was a boy called Ben. Ben had a red ball that he loved very much. He played with the ball in the "
    "garden "
    "with his dog. One morning, the ball rolled under a big bush and Ben could not see it. He looked and "
    "looked, but "
    "the ball was not there. Ben felt sad and he started to cry. His dog wanted to help. The dog ran to the "
    "bush and "
    "put his nose under the leaves. He pulled and pulled, and the ball came out. \"Thank you!\" said Ben. He "
    "gave the "
    "dog a big hug. His mom came out of the house and said, \"You two are a good team.\" They all laughed "
    "and went "
    "inside to eat some cake. Ben learned that it is good to have a friend who helps you.\n"
    "One day, a small cat named Lily went for a walk in the park. The park was full of flowers and the wind "
    "was warm. "
    "Lily saw a shiny stone on the ground. \"Oh, what a pretty stone!\" she said. She picked it up and "
    "wanted to take "
    "it home. Then she met a mouse. The mouse said, \"That is my stone. I lost it when I was playing.\" Lily "
    "really "
    "liked the stone, but she knew that it was not hers. She gave it back to the mouse. The mouse was so "
    "happy that he "
    "jumped up and down. \"You are very kind,\" he said. \"Do you want to play with me?\" Lily said yes, and "
    "they played "
    "all day until the sun went down. When Lily came home, she told her mom about her new friend. Her mom "
    "was proud of "
    "her and gave her some warm milk. Lily went to bed with a big smile.\n"
    "Once there was an old man who had a garden. In the garden there was a tree with big sweet apples. A boy "
    "named Sam "
    "and his sister Anna liked to look at the apples from the street. One day they asked the old man, \"Can "
    "we have an "
    "apple, please?\" The old man said, \"You can have many apples if you help me pick them.\" So they "
    "worked together. "
    "Sam climbed up the tree and Anna held the basket. When the basket was full, the old man gave each of "
    "them three "
    "apples. They said thank you and ran home to show their mom. She made a pie and they took a piece to the "
    "old man. "
    "He was so happy that he had tears in his eyes. After that, they came to see him every day.\n";

// How the samples begin.
inline constexpr std::string_view kDemoPrompt = "Once upon a time, there was a little";

}  // namespace mote::cli
